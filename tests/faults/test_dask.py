"""Trainings on a Dask cluster whose processes are killed and frozen: an attempt ends, and nothing of it goes on."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_training.domain.errors import ErrorCode
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from tests.support.dask_cluster import SCHEDULER, DaskProcesses, dask_cluster
from tests.support.datasets import generated_csv, upload
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.fleet_jobs import LONG, counted, ended, running, train
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.faults
AN_ATTEMPT = 60.0  # seconds in which an attempt on a broken cluster ends: docs/dask.md
SHORT = {"n_estimators": 20}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def cluster(directory: Path) -> Iterator[DaskProcesses]:
    with dask_cluster(directory / "cluster", data_dir=directory / "data") as found:
        yield found


@pytest.fixture(scope="module")
def stack(
    directory: Path,
    cluster: DaskProcesses,
    sqlite_template: bytes,
    own_redis: RedisServer,
) -> Iterator[RunningFleet]:
    (directory / "jobs.db").write_bytes(sqlite_template)
    url = f"sqlite:///{directory / 'jobs.db'}"
    with running_fleet(
        directory, database_url=url, broker_url=own_redis.url, dask_scheduler=cluster.address, worker_concurrency=2
    ) as found:
        found.wait_for_slots(2)
        yield found


@pytest.fixture(scope="module")
def data(stack: RunningFleet) -> int:
    return upload(stack.resources, generated_csv(20_000, 10)).id


@pytest.fixture(autouse=True)
def _all_workers(cluster: DaskProcesses) -> Iterator[None]:
    """Every test finds and leaves a whole cluster on which nothing runs."""
    yield
    eventually(lambda: not cluster.parts(), what="no part runs")
    if SCHEDULER not in cluster.processes:
        cluster.start_scheduler()
    for name in ("w1", "w2"):
        if name not in cluster.processes or cluster.processes[name].poll() is not None:
            cluster.processes.pop(name, None)
            cluster.start_worker(name)


def long_job(stack: RunningFleet, dataset_id: int, **values: object) -> Job:
    """A job that trains on the cluster for minutes."""
    job = train(stack, dataset_id, engine="dask", params=LONG, **values)
    return running(stack, job.id)


def next_attempt(stack: RunningFleet, job: Job) -> Job:
    """Wait for the end of an attempt, as long as it may take."""

    def handed_back() -> Job | None:
        found = queries.get_job(stack.resources, job.id)
        return found if found.attempt > job.attempt or found.status is JobStatus.PENDING else None

    found = eventually(handed_back, within=AN_ATTEMPT, what="the end of the attempt")
    assert found is not None
    return found


def gone(old: list[psutil.Process], *, within: float = AN_ATTEMPT) -> None:
    """Wait until these processes have ended; a frozen parent leaves a zombie, which computes nothing."""

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    eventually(lambda: not any(map(runs, old)), within=within, what="the parts have ended")


def cancel(stack: RunningFleet, job: Job) -> None:
    """End a job that a test needs no longer."""
    request_cancel(stack.resources, job.id)
    assert ended(stack, job.id).status is JobStatus.CANCELLED


def test_a_killed_worker_of_the_cluster_costs_an_attempt_and_no_more(
    stack: RunningFleet, cluster: DaskProcesses, data: int
) -> None:
    job = long_job(stack, data)
    parts, before = cluster.parts(), counted(stack, "lost")
    assert len(parts) == 2
    cluster.worker("w1").kill()
    next_attempt(stack, job)
    gone(parts)
    running(stack, job.id, attempt=2)
    assert counted(stack, "lost") == before + 1
    cancel(stack, job)
    stack.check()


def test_a_killed_scheduler_ends_the_attempt_and_all_its_parts(
    stack: RunningFleet, cluster: DaskProcesses, data: int
) -> None:
    job = long_job(stack, data)
    parts = cluster.parts()
    cluster.kill(SCHEDULER)
    next_attempt(stack, job)
    gone(parts)
    cancel(stack, job)


def test_a_frozen_worker_of_the_cluster_ends_the_attempt(
    stack: RunningFleet, cluster: DaskProcesses, data: int
) -> None:
    job = long_job(stack, data)
    parts, frozen = cluster.parts(), cluster.worker("w1")
    frozen.suspend()
    try:
        next_attempt(stack, job)
        gone(parts)
    finally:
        frozen.resume()
    cancel(stack, job)


def test_a_fit_that_hangs_is_ended(stack: RunningFleet, cluster: DaskProcesses, data: int) -> None:
    job = long_job(stack, data)
    parts = cluster.parts()
    parts[0].suspend()
    next_attempt(stack, job)
    gone(parts)
    cancel(stack, job)


def test_a_cancel_ends_the_parts(stack: RunningFleet, cluster: DaskProcesses, data: int) -> None:
    job = long_job(stack, data)
    parts = cluster.parts()
    cancel(stack, job)
    gone(parts)
    assert queries.get_job(stack.resources, job.id).attempt == 1
    stack.check()


def test_the_time_limit_ends_the_parts(stack: RunningFleet, cluster: DaskProcesses, data: int) -> None:
    job = train(stack, data, engine="dask", params=LONG, max_runtime_seconds=60)
    parts = eventually(lambda: found if len(found := cluster.parts()) == 2 else None, what="two parts")
    job = ended(stack, job.id)
    assert job.error is not None
    assert job.error.code == ErrorCode.TIMEOUT
    assert parts is not None
    gone(parts)


def test_the_parts_end_with_the_worker_of_the_job(stack: RunningFleet, cluster: DaskProcesses, data: int) -> None:
    job = long_job(stack, data)
    parts = cluster.parts()
    stack.fleet.kill("worker")
    gone(parts)
    stack.fleet.start_worker()
    stack.wait_for_slots(2)
    running(stack, job.id, attempt=2)
    cancel(stack, job)
    stack.check()


def test_two_jobs_take_turns_on_the_cluster(stack: RunningFleet, cluster: DaskProcesses, data: int) -> None:
    jobs = [train(stack, data, engine="dask", params=SHORT) for _ in range(2)]
    found = [ended(stack, job.id) for job in jobs]
    assert [(job.status, job.attempt) for job in found] == [(JobStatus.COMPLETED, 1)] * 2
    stack.check()
