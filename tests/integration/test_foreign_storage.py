"""A process that sees another storage than the one of its database takes no job, no upload, and removes nothing."""

import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.storage_identity import read_identity
from ml_training.db.tables import storage_identity
from ml_training.domain.errors import ErrorCode, Unavailable
from ml_training.domain.records import Job
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import run_next
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.maintenance.verify import violations
from ml_training.process.storage_check import StorageCheck, storage_report
from ml_training.services.datasets import accept_sample, accept_upload, store_upload
from ml_training.services.health import readiness
from ml_training.services.models import open_artifact
from ml_training.services.queries import get_dataset, get_job
from ml_training.services.resources import Resources
from ml_training.storage.local import LocalStorage
from tests.support.datasets import generated_csv
from tests.support.eventually import eventually
from tests.support.jobs import a_model
from tests.support.small_jobs import models, submit_train
from tests.support.wiring import SLOW, make_resources, make_worker_context


@pytest.fixture
def elsewhere(resources: Resources, tmp_path: Path, broker_url: str) -> Resources:
    """A process with the same database, and a data directory of its own."""
    return make_resources(resources.database, tmp_path / "elsewhere", broker_url=broker_url)


def checked_worker(resources: Resources, root: Path, *, name: str = "worker@right-1", **more: object) -> WorkerContext:
    """A worker that looks at the id of its storage, as the real ones do."""
    storage = LocalStorage(root)
    return make_worker_context(
        resources.database,
        storage,
        more.pop("handler", HANDLERS),  # type: ignore[arg-type]
        times=SLOW,
        worker=name,
        storage_trouble=StorageCheck(resources.database, storage).trouble,
        **more,
    )


def new_data(resources: Resources, *, name: str = "data") -> int:
    """An uploaded data set, not parsed yet."""
    stored = store_upload(resources, "csv", [generated_csv(300, 4)])
    return accept_upload(resources, name=name, file_format="csv", stored=stored).id


def ready(resources: Resources, root: Path) -> int:
    """A data set, READY."""
    dataset_id = new_data(resources)
    assert run_next(checked_worker(resources, root))
    assert get_dataset(resources, dataset_id).status is DatasetStatus.READY
    return dataset_id


def test_a_worker_with_another_directory_takes_no_job_and_works_as_soon_as_it_is_right(
    resources: Resources, tmp_path: Path
) -> None:
    dataset_id, wrong = new_data(resources), tmp_path / "elsewhere"
    worker = checked_worker(resources, wrong)
    assert not run_next(worker)
    assert get_dataset(resources, dataset_id).status is DatasetStatus.PROCESSING
    trouble = str(worker.storage_trouble())
    assert str(wrong) in trouble
    assert "no storage of this service" in trouble
    assert str(resources.storage.identity()) in trouble
    wrong.rmdir() if wrong.exists() else None
    wrong.symlink_to(tmp_path / "storage")
    assert run_next(worker), "without a restart"
    assert get_dataset(resources, dataset_id).status is DatasetStatus.READY


def test_a_storage_of_another_service_is_told_by_both_ids(resources: Resources, tmp_path: Path) -> None:
    new_data(resources)
    other = LocalStorage(tmp_path / "elsewhere").ensure_identity("a" * 32)
    trouble = str(checked_worker(resources, tmp_path / "elsewhere").storage_trouble())
    assert other in trouble
    assert str(resources.storage.identity()) in trouble
    assert "ML_TRAINING_DATA_DIR" in trouble


def test_a_disk_that_cannot_be_read_is_no_storage(resources: Resources, tmp_path: Path) -> None:
    new_data(resources)
    broken = tmp_path / "elsewhere"
    (broken / "identity").mkdir(parents=True)
    worker = checked_worker(resources, broken)
    assert "cannot be read" in str(worker.storage_trouble())
    assert not run_next(worker)


def test_an_api_with_another_directory_refuses_uploads_and_writes_nothing(
    resources: Resources, elsewhere: Resources, tmp_path: Path
) -> None:
    new_data(resources)
    for upload in (
        lambda: store_upload(elsewhere, "csv", [b"a,b\n1,2\n"]),
        lambda: accept_sample(elsewhere, name="sample", sample="iris"),
    ):
        with pytest.raises(Unavailable, match="cannot use its storage"):
            upload()
    assert not (tmp_path / "elsewhere" / "uploads").exists()
    found = readiness(elsewhere)
    assert not found.ready
    assert "elsewhere" in found.components["storage"].detail
    assert readiness(resources).components["storage"].ok


def test_a_model_is_not_called_damaged_by_an_api_with_another_directory(
    resources: Resources, elsewhere: Resources, tmp_path: Path
) -> None:
    job_id = submit_train(resources, ready(resources, tmp_path / "storage"), rounds=2)
    assert run_next(checked_worker(resources, tmp_path / "storage"))
    model = models(resources)[job_id]
    with pytest.raises(Unavailable, match="cannot use its storage"), open_artifact(elsewhere, model.id):
        pass


def test_the_sweeper_removes_nothing_in_another_storage(
    resources: Resources, elsewhere: Resources, tmp_path: Path
) -> None:
    new_data(resources)
    stored = elsewhere.storage.put_bytes("artifacts", b"a model of another service")
    with pytest.raises(Unavailable, match="cannot use its storage"):
        sweep_storage_once(elsewhere, age_seconds=-1.0)
    assert elsewhere.storage.has(stored.key)


def test_the_sweeper_stops_when_the_storage_is_exchanged_while_it_runs(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_data(resources)
    other = LocalStorage(tmp_path / "elsewhere")
    other.ensure_identity("a" * 32)
    stored = other.put_bytes("artifacts", b"a model of another service")
    keys = list(other.list_keys())

    def exchanged() -> object:
        (tmp_path / "storage").rename(tmp_path / "unmounted")
        (tmp_path / "elsewhere").rename(tmp_path / "storage")
        yield from keys

    monkeypatch.setattr(resources.storage, "list_keys", exchanged)
    with pytest.raises(Unavailable, match="cannot use its storage"):
        sweep_storage_once(resources, age_seconds=-1.0)
    assert resources.storage.has(stored.key)


def test_verify_says_that_the_storage_is_another_one(resources: Resources, elsewhere: Resources) -> None:
    new_data(resources)
    found = list(violations(elsewhere.database, elsewhere.storage, sweep_age_seconds=3600.0))
    assert any("belongs to the database" in line for line in found)


def test_what_a_job_wrote_into_an_exchanged_storage_is_no_result(resources: Resources, tmp_path: Path) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready(resources, root))

    def unmounted(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        root.rename(tmp_path / "unmounted")
        root.mkdir()
        return a_model(job)

    assert run_next(checked_worker(resources, root, handler=unmounted))
    job = get_job(resources, job_id)
    assert (job.status, job.progress_message) == (
        JobStatus.PENDING,
        "waits to be tried again: database, broker, storage or Dask cluster did not answer",
    )
    assert models(resources) == {}


def beat(resources: Resources, *workers: str) -> None:
    """Heartbeats of workers that take jobs."""
    with resources.database.write() as connection:
        for worker in workers:
            body = {"slots": 1, **storage_report(None)}
            write_heartbeat(connection, process=worker, kind="worker", body=body)


def old_copy(root: Path, copy: Path) -> Path:
    """A copy of a storage from before its indexes were written; it has the right id."""
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "indexes")
    return copy


def test_a_job_whose_data_one_worker_misses_is_run_by_another_one(resources: Resources, tmp_path: Path) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready(resources, root), rounds=2)
    beat(resources, "worker@bad-1", "worker@right-1")
    bad = checked_worker(resources, old_copy(root, tmp_path / "copy"), name="worker@bad-1")
    for attempt in (1, 2, 3):  # the fastest one may come first again and again
        eventually(lambda: run_next(bad), what="the job is due")
        job = get_job(resources, job_id)
        assert (job.status, job.attempt) == (JobStatus.PENDING, attempt)
        assert "another worker" in job.progress_message
    with resources.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar() == 0, "not charged"
    right = checked_worker(resources, root)
    eventually(lambda: run_next(right), what="the job is due")
    assert get_job(resources, job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("alone", [True, False])
def test_data_that_are_gone_for_every_worker_end_the_job(resources: Resources, tmp_path: Path, alone: bool) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready(resources, root))
    shutil.rmtree(root / "indexes")
    names = ["worker@one-1", "worker@one-1" if alone else "worker@two-1"]
    beat(resources, *names)
    for name, status in zip(names, (JobStatus.PENDING, JobStatus.FAILED), strict=True):
        worker = checked_worker(resources, root, name=name)
        eventually(lambda worker=worker: run_next(worker), what="the job is due")  # type: ignore[misc]
        assert get_job(resources, job_id).status is status
    error = get_job(resources, job_id).error
    assert error is not None
    assert error.code == ErrorCode.DATASET_CHANGED


def test_an_upload_that_one_worker_misses_is_not_rejected(resources: Resources, tmp_path: Path) -> None:
    root = tmp_path / "storage"
    ready(resources, root)
    copy = old_copy(root, tmp_path / "copy")
    stored = store_upload(resources, "csv", [generated_csv(200, 3)])
    dataset_id = accept_upload(resources, name="new", file_format="csv", stored=stored).id
    beat(resources, "worker@bad-1", "worker@right-1")
    assert run_next(checked_worker(resources, copy, name="worker@bad-1"))
    assert get_dataset(resources, dataset_id).status is DatasetStatus.PROCESSING
    eventually(lambda: run_next(checked_worker(resources, root)), what="the job is due")
    assert get_dataset(resources, dataset_id).status is DatasetStatus.READY


def test_a_database_that_is_older_than_ids_takes_that_of_a_storage_with_its_data_only(
    resources: Resources, elsewhere: Resources, tmp_path: Path
) -> None:
    new_data(resources)
    (tmp_path / "storage" / "identity").unlink()
    with resources.database.write() as connection:
        connection.execute(delete(storage_identity))
    wrong = StorageCheck(elsewhere.database, elsewhere.storage)
    assert "no data set of the database" in str(wrong.trouble(may_begin=True))
    assert elsewhere.storage.identity() is None
    assert StorageCheck(resources.database, resources.storage).trouble() is None
    with resources.database.read() as connection:
        assert read_identity(connection) == resources.storage.identity() is not None
    assert wrong.trouble() is not None


def test_a_worker_does_not_choose_the_storage_of_an_empty_database(resources: Resources, tmp_path: Path) -> None:
    worker = checked_worker(resources, tmp_path / "elsewhere")
    assert worker.storage_trouble() is None
    assert not run_next(worker)
    new_data(resources)
    assert not run_next(worker), "the API has chosen meanwhile"


def test_of_processes_that_begin_at_once_one_chooses(resources: Resources, tmp_path: Path) -> None:
    roots = [tmp_path / f"root-{number // 2}" for number in range(8)]
    checks = [StorageCheck(resources.database, LocalStorage(root)) for root in roots]
    start, found = threading.Barrier(len(checks)), dict[int, str | None]()

    def begin(number: int) -> None:
        start.wait(60)
        found[number] = checks[number].trouble(may_begin=True)

    threads: list[threading.Thread] = [threading.Thread(target=begin, args=(number,)) for number in range(len(checks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    right = {roots[number] for number, trouble in found.items() if trouble is None}
    assert len(found) == len(checks)
    assert len(right) == 1
    assert sum(trouble is None for trouble in found.values()) == 2, "both processes of that storage"
