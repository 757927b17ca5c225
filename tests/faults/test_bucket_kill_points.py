"""kill -9 before, during and after every write to a bucket: nothing is lost, there twice, or left over."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ml_training.db.engine import Database, open_database
from ml_training.domain.records import Dataset
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.queries import get_dataset, get_job, list_datasets
from ml_training.services.resources import Resources
from ml_training.storage.bucket import PART_BYTES
from tests.support.crashing_worker import TIMES, work
from tests.support.datasets import generated_csv
from tests.support.exporter import DEAD_BROKER
from tests.support.forked_processes import FORKS
from tests.support.put_killer import PutKiller
from tests.support.s3_proxy import S3Proxy, Step, s3_proxy_to
from tests.support.s3_server import BucketPlace, S3Server
from tests.support.small_jobs import (
    after_the_fault,
    check,
    models,
    predictions,
    ready_data,
    submit_predict,
    submit_train,
)
from tests.support.wiring import make_resources

pytestmark = [pytest.mark.slow, pytest.mark.faults]
ROWS = 600
SMALL_PARTS = 6 << 10  # so that data sets, models and predictions of these rows are stored in parts, as large ones are
ROUNDS = 3


@pytest.fixture
def proxy(rclone: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy_to(rclone.port) as proxy:
        yield proxy


@pytest.fixture
def place(database_url: str, rclone: S3Server, proxy: S3Proxy, tmp_path: Path) -> BucketPlace:
    """The bucket behind the proxy. Beside SQLite, objects of these sizes take several requests each, else one.

    All four pairs would take twice as long, and what a kill does to a bucket has little to do with the database.
    """
    part_bytes = SMALL_PARTS if database_url.startswith("sqlite") else PART_BYTES
    return BucketPlace(rclone.address(port=proxy.port), tmp_path / "machine", part_bytes)


@pytest.fixture
def resources(database: Database, place: BucketPlace) -> Iterator[Resources]:
    """The core of a process that nobody kills."""
    resources = make_resources(database, place.open(), broker_url=DEAD_BROKER, budget=0.01)
    resources.require_storage(may_begin=True)
    yield resources
    resources.permits.close()


@pytest.fixture(params=list(Step), ids=[step.name for step in Step])
def step(request: pytest.FixtureRequest) -> Step:
    found: Step = request.param
    return found


def killed_at_each_write(step: Step) -> Iterator[PutKiller]:
    """A killer for the first write, one for the second, and so on, until a process has survived its own."""
    for nth in count(1):
        killer = PutKiller(nth, step)
        yield killer
        if not killer.killed_at:
            return


def work_until_killed(url: str, place: BucketPlace, killer: PutKiller, proxy: S3Proxy) -> None:
    """A worker runs the first due job, and is killed at its write if there is such a one."""
    with proxy.watched(killer.watch):
        work(url, place, lease=TIMES.lease, begun=killer.victim.set_result)


def in_bucket(resources: Resources) -> set[str]:
    """Every object of the storage, and what else is in its place."""
    return {found.path for found in resources.storage._bucket.list("")}  # type: ignore[attr-defined]


def check_bucket(resources: Resources) -> None:
    """No invariant is violated, and what the killed processes left is gone: no scratch, no half of a directory."""
    check(resources)
    kinds = {path.partition("/")[0] for path in in_bucket(resources)}
    assert "scratch" not in kinds
    keys = {key for key, _ in resources.storage.list_keys()}
    parts = {path for path in in_bucket(resources) if not any(path.startswith(key) for key in keys)}
    assert parts == {"identity"}


def test_a_worker_killed_at_each_write_of_a_training_leaves_the_model_of_an_undisturbed_run(
    resources: Resources, database_url: str, place: BucketPlace, proxy: S3Proxy, step: Step
) -> None:
    dataset_id, killed = ready_data(resources, database_url, place, rows=ROWS), []
    for seed, killer in enumerate(killed_at_each_write(step)):
        job_id = submit_train(resources, dataset_id, rounds=ROUNDS, seed=seed)
        work_until_killed(database_url, place, killer, proxy)
        attempts = after_the_fault(resources, database_url, place, job_id)
        job, found = get_job(resources, job_id), models(resources)[job_id]
        assert (job.status, job.attempt, found.attempt) == (JobStatus.COMPLETED, attempts, attempts), killer.killed_at
        check_bucket(resources)
        again = submit_train(resources, dataset_id, rounds=ROUNDS, seed=seed)
        assert work(database_url, place)
        assert models(resources)[again].artifact_sha256 == found.artifact_sha256, killer.killed_at
        killed.append(killer.killed_at)
    kinds = [kind for kind in ("checkpoints", "artifacts") for line in killed if f"/{kind}/" in line]
    assert len(kinds) >= ROUNDS, killed  # after the last round there is no checkpoint
    assert set(kinds) == {"checkpoints", "artifacts"}


def test_a_worker_killed_at_each_write_of_a_prediction_leaves_one_whole_file(
    resources: Resources, database_url: str, place: BucketPlace, proxy: S3Proxy, step: Step
) -> None:
    dataset_id, killed = ready_data(resources, database_url, place, rows=ROWS), []
    submit_train(resources, dataset_id)
    assert work(database_url, place)
    undisturbed = submit_predict(resources, dataset_id)
    assert work(database_url, place)
    whole = predictions(resources)[undisturbed]
    for killer in killed_at_each_write(step):
        resources.storage.delete(whole.object_key)  # so that the bytes must be written again
        job_id = submit_predict(resources, dataset_id)
        work_until_killed(database_url, place, killer, proxy)
        after_the_fault(resources, database_url, place, job_id)
        job, found = get_job(resources, job_id), predictions(resources)[job_id]
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, found.attempt), killer.killed_at
        assert (found.sha256, found.rows, found.bytes) == (whole.sha256, whole.rows, whole.bytes)
        check_bucket(resources)
        killed.append(killer.killed_at)
    assert len(killed) > 1


def test_a_worker_killed_at_each_write_of_an_ingest_leaves_one_readable_data_set(
    resources: Resources, database_url: str, place: BucketPlace, proxy: S3Proxy, step: Step
) -> None:
    killed = []
    for seed, killer in enumerate(killed_at_each_write(step)):
        dataset = uploaded(resources, seed)
        work_until_killed(database_url, place, killer, proxy)
        after_the_fault(resources, database_url, place, dataset.job_id or 0)
        assert get_dataset(resources, dataset.id).status is DatasetStatus.READY, killer.killed_at
        check_bucket(resources)
        killed.append(killer.killed_at)
    assert any(line.endswith("/manifest") for line in killed), killed
    assert any("/files/" in line for line in killed), killed
    job_id = submit_train(resources, dataset.id, rounds=ROUNDS)
    assert work(database_url, place)
    assert get_job(resources, job_id).status is JobStatus.COMPLETED


def test_an_api_killed_at_each_write_of_an_upload_names_no_file_that_is_not_there(
    resources: Resources, database_url: str, place: BucketPlace, proxy: S3Proxy, step: Step
) -> None:
    killed = []
    for seed, killer in enumerate(killed_at_each_write(step)):
        process = FORKS.Process(target=upload_elsewhere, args=(database_url, place, seed), daemon=True)
        with proxy.watched(killer.watch):
            process.start()
            killer.victim.set_result(process.pid or 0)
            process.join(120)
        stored = list_datasets(resources).items
        check_bucket(resources)
        if len(stored) == seed:  # nothing was answered: the client sends it again
            uploaded(resources, seed)
        assert work(database_url, place)
        statuses = [dataset.status for dataset in list_datasets(resources).items]
        assert statuses == [DatasetStatus.READY] * (seed + 1), killer.killed_at
        check_bucket(resources)
        killed.append(killer.killed_at)
    assert any("/uploads/" in line for line in killed), killed


def uploaded(resources: Resources, seed: int) -> Dataset:
    """A new data set."""
    stored = store_upload(resources, "csv", [generated_csv(ROWS, 4, seed=seed)])
    return accept_upload(resources, name="data", file_format="csv", stored=stored)


def upload_elsewhere(url: str, place: BucketPlace, seed: int) -> None:
    """A data set that another process uploads."""
    storage = place.open_in_a_process_of_its_own()
    uploaded(make_resources(open_database(url), storage, broker_url=DEAD_BROKER, budget=0.01), seed)
