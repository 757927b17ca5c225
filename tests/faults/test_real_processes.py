"""Faults on the real processes: killed, frozen and drained workers, a frozen broker; nothing is lost or done twice."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest
import redis
from sqlalchemy import text

from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.local.stack_processes import WORKER_STOP_SECONDS
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.submit import submit_job
from tests.support.datasets import generated_csv, ready_sample, upload
from tests.support.eventually import PATIENCE, eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer, start_redis

pytestmark = pytest.mark.slow
CLAIMED_AGAIN_SECONDS = 45.0  # docs/architecture.md, invariant 11
HANDED_BACK_SECONDS = 10.0  # docs/faults.md: SIGTERM in mid-job


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that these tests may hurt."""
    server = start_redis(tmp_path_factory.mktemp("own-redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_redis: RedisServer
) -> Iterator[RunningFleet]:
    """Two workers with one slot each, and maintenance; every test leaves them as it found them."""
    directory = tmp_path_factory.mktemp("stack")
    url = f"sqlite:///{directory / 'jobs.db'}"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.execute("CREATE DATABASE faults TEMPLATE migrated")
        url = postgres.url("faults")
    else:
        (directory / "jobs.db").write_bytes(request.getfixturevalue("sqlite_template"))
    with running_fleet(directory, database_url=url, broker_url=own_redis.url) as stack:
        stack.fleet.start_worker("second")
        stack.wait_for_slots(2)
        yield stack


@pytest.fixture(scope="module")
def small(stack: RunningFleet) -> int:
    """The id of a small data set."""
    return ready_sample(stack.resources).id


@pytest.fixture(scope="module")
def large(stack: RunningFleet) -> int:
    """The id of a data set of 200,000 rows and 30 features."""
    return upload(stack.resources, generated_csv(200_000, 30)).id


def worker_of(stack: RunningFleet, job: Job) -> str:
    """The name of the process that runs the job."""
    return next(name for name, process in stack.fleet.processes.items() if f"-{process.pid}" in str(job.worker))


def train(stack: RunningFleet, dataset_id: int, *, model_type: str = "lightgbm", **values: Any) -> Job:
    """Submit a TRAIN job."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "model",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        **values,
    }
    return submit_job(stack.resources, spec)


def claimed_again(stack: RunningFleet, job_id: int) -> Job:
    """Wait until the second attempt has the job; with a free slot that takes no longer than invariant 11 says."""

    def moved() -> Job | None:
        job = queries.get_job(stack.resources, job_id)
        return job if job.attempt == 2 else None

    found = eventually(moved, within=CLAIMED_AGAIN_SECONDS, what=f"job {job_id} is claimed again")
    assert found is not None
    return found


def running(stack: RunningFleet, job_id: int, *, attempt: int = 1) -> Job:
    """Wait until the job is RUNNING and learns; how long that takes says how busy the machine is, no more."""

    def moved() -> Job | None:
        job = queries.get_job(stack.resources, job_id)
        learns = job.progress_message.split()[:1] in [["round"], ["tree"], ["epoch"], ["iteration"]]
        return job if job.status is JobStatus.RUNNING and job.attempt == attempt and learns else None

    found = eventually(moved, what=f"job {job_id} is running")
    assert found is not None
    return found


def ended(stack: RunningFleet, job_id: int, *, within: float = PATIENCE) -> Job:
    """Wait for the end of the job."""
    job = queries.wait_for_job(stack.resources, job_id, seconds=within)
    assert job.status.is_terminal, job
    return job


LONG = {"n_estimators": 10_000, "num_leaves": 255}
MIDDLE = {"n_estimators": 150}
SMALL = {"n_estimators": 5}


def test_a_job_whose_process_is_killed_is_run_again_and_completes(stack: RunningFleet, large: int) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    [child] = stack.fleet.children(worker_of(stack, job))
    child.kill()
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    stack.check()


def freeze(stack: RunningFleet, suspend: Callable[[], None], resume: Callable[[], None]) -> None:
    """Suspend, but not in the middle of a write: SQLite's lock would keep every other process from writing.

    A worker writes up to a dozen times a second, so that happens to every twentieth freeze, or so, on a busy machine.
    """

    def outside_of_a_write() -> bool:
        suspend()
        try:
            is_free = can_write(stack)
        except BaseException:
            resume()
            raise
        if not is_free:
            resume()
        return is_free

    eventually(outside_of_a_write, what="frozen outside of a write")


def can_write(stack: RunningFleet) -> bool:
    """Whether nobody holds SQLite's lock for longer than a write takes; PostgreSQL locks rows, and ends such a lock."""
    if stack.resources.database.dialect == "postgresql":
        return True
    path = stack.settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=2.0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
    return True


def test_a_process_that_wakes_after_its_lease_writes_nothing(stack: RunningFleet, large: int) -> None:
    stack.wait_for_slots(2)
    refused = counted(stack, "refused")
    job = running(stack, train(stack, large, params=MIDDLE).id)
    [sleeper] = stack.fleet.children(worker_of(stack, job))
    freeze(stack, sleeper.suspend, sleeper.resume)
    try:
        claimed_again(stack, job.id)
    finally:
        sleeper.resume()
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    eventually(lambda: counted(stack, "refused") > refused, what="the late write is counted")
    stack.check()


def test_a_draining_worker_hands_its_job_back_and_leaves_in_time(stack: RunningFleet, large: int) -> None:
    lost = counted(stack, "lost")
    job = running(stack, train(stack, large, params=LONG).id)
    name = worker_of(stack, job)
    asked, process = time.monotonic(), stack.fleet.processes[name]
    process.terminate()
    eventually(lambda: handed_back(stack, job), within=HANDED_BACK_SECONDS, what="the job is handed back")
    assert process.wait(WORKER_STOP_SECONDS - (time.monotonic() - asked)) == 0, "the stack would have killed it"
    del stack.fleet.processes[name]
    running(stack, job.id, attempt=2)
    assert counted(stack, "lost") == lost, "a drain is not charged"
    request_cancel(stack.resources, job.id)
    assert ended(stack, job.id).status is JobStatus.CANCELLED
    stack.fleet.start_worker(name)
    stack.check()


def handed_back(stack: RunningFleet, job: Job) -> bool:
    """Whether this attempt has the job no more."""
    found = queries.get_job(stack.resources, job.id)
    return found.status is JobStatus.PENDING or found.attempt > job.attempt


@pytest.mark.faults
def test_a_rolling_restart_under_load_charges_no_job_and_each_ends_well(
    stack: RunningFleet, large: int, small: int
) -> None:
    stack.wait_for_slots(2)
    lost = counted(stack, "lost")
    long = [train(stack, large, params=MIDDLE).id for _ in range(3)]
    short = [train(stack, small, params=SMALL).id for _ in range(20)]
    running(stack, long[0])
    for name in [name for name in stack.fleet.processes if name != "maintenance"]:
        assert stack.fleet.stop(name) == 0
        stack.fleet.start_worker(name)
    assert {ended(stack, job_id).status for job_id in [*long, *short]} == {JobStatus.COMPLETED}
    assert counted(stack, "lost") == lost, "a restart is not charged"
    stack.check()


def test_a_whole_worker_killed_in_mid_job_is_not_missed(stack: RunningFleet, large: int) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    name = worker_of(stack, job)
    stack.fleet.kill(name)
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    stack.fleet.start_worker(name)
    stack.check()


def test_a_whole_worker_that_sleeps_through_its_leases_writes_nothing_and_works_again(
    stack: RunningFleet, large: int
) -> None:
    stack.wait_for_slots(2)
    refused = counted(stack, "refused")
    job = running(stack, train(stack, large, params=MIDDLE).id)
    name = worker_of(stack, job)
    freeze(
        stack,
        lambda: stack.fleet.signal(name, signal.SIGSTOP),
        lambda: stack.fleet.signal(name, signal.SIGCONT),
    )
    try:
        claimed_again(stack, job.id)
    finally:
        stack.fleet.signal(name, signal.SIGCONT)
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    eventually(lambda: counted(stack, "refused") > refused, what="the late write is counted")
    stack.wait_for_slots(2)
    two = [running(stack, train(stack, large, params=LONG).id) for _ in range(2)]
    assert name in {worker_of(stack, job) for job in two}, "one slot each: the sleeper runs one of two"
    for job in two:
        request_cancel(stack.resources, job.id)
        assert ended(stack, job.id).status is JobStatus.CANCELLED
    stack.check()


def test_a_worker_told_twice_to_leave_and_then_killed_is_not_missed(stack: RunningFleet, large: int) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    name = worker_of(stack, job)
    for _ in range(2):
        stack.fleet.processes[name].terminate()
    stack.fleet.kill(name)
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    stack.fleet.start_worker(name)
    stack.check()


def counted(stack: RunningFleet, kind: str) -> int:
    """Ledger rows of a kind, folded or not."""
    query = """SELECT coalesce(sum(n), 0) FROM (SELECT n FROM ledger_totals WHERE kind = :kind
        UNION ALL SELECT 1 FROM ledger WHERE kind = :kind) AS both_parts"""
    with stack.resources.database.read() as connection:
        return int(connection.execute(text(query), {"kind": kind}).scalar_one())


def test_training_code_that_never_comes_back_is_cancelled_with_its_process(
    stack: RunningFleet, large: int, small: int
) -> None:
    deaf = {"hidden_layer_sizes": [2048, 2048], "batch_size": 40_000}  # one step is half a minute inside BLAS
    job_id = train(stack, large, model_type="mlp", params=deaf).id
    eventually(lambda: queries.get_job(stack.resources, job_id).status is JobStatus.RUNNING, what="it runs")
    job = queries.get_job(stack.resources, job_id)
    name = worker_of(stack, job)
    [child] = stack.fleet.children(name)
    before = child.cpu_times().user
    eventually(lambda: child.cpu_times().user > before + 4, what="the first step has begun")
    request_cancel(stack.resources, job.id)
    assert ended(stack, job.id, within=10).status is JobStatus.CANCELLED
    eventually(lambda: not child.is_running(), what="the process that held the job has ended")
    eventually(lambda: len(stack.fleet.children(name)) == 1, what="the pool has a new child")
    for _ in range(2):
        assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    stack.check()


@pytest.mark.parametrize(
    ("model_type", "params", "limit"),
    [
        ("lightgbm", {"n_estimators": 10_000}, 2.0),
        ("random_forest", {"n_estimators": 10_000}, 10.0),
        ("mlp", {"hidden_layer_sizes": [512, 512], "max_iter": 10_000, "batch_size": 64}, 10.0),
    ],
)
def test_a_running_job_is_cancelled_in_time_and_the_next_one_runs(
    stack: RunningFleet, large: int, small: int, model_type: str, params: dict[str, Any], limit: float
) -> None:
    job = running(stack, train(stack, large, model_type=model_type, params=params).id)
    asked = time.monotonic()
    request_cancel(stack.resources, job.id)
    eventually(
        lambda: queries.get_job(stack.resources, job.id).status.is_terminal, within=limit, what="the job has ended"
    )
    assert time.monotonic() - asked < limit
    assert queries.get_job(stack.resources, job.id).status is JobStatus.CANCELLED
    assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    stack.check()


def test_a_frozen_broker_delays_jobs_but_stops_neither_training_nor_leases(
    stack: RunningFleet, own_redis: RedisServer, large: int, small: int
) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    with frozen(own_redis.process.pid):
        started = time.monotonic()
        waiting = [train(stack, small, params=SMALL) for _ in range(3)]
        assert time.monotonic() - started < 3, "the first waits for its budget, the others do not try"
        before = queries.get_job(stack.resources, job.id).progress
        eventually(lambda: queries.get_job(stack.resources, job.id).progress > before, what="training continues")
    for accepted in [job, *waiting]:
        found = ended(stack, accepted.id)
        assert (found.status, found.attempt) == (JobStatus.COMPLETED, 1)
    stack.check()


def test_a_broker_that_dies_and_forgets_everything_loses_no_job(
    stack: RunningFleet, own_redis: RedisServer, small: int
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.flushall()
    own_redis.kill()
    accepted = [train(stack, small, params=SMALL) for _ in range(3)]
    own_redis.restart()
    for job in accepted:
        assert ended(stack, job.id).status is JobStatus.COMPLETED
    stack.check()


class frozen:  # noqa: N801 - reads like the state it makes
    """A process that is stopped inside the block."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def __enter__(self) -> None:
        self._process.suspend()

    def __exit__(self, *_: object) -> None:
        self._process.resume()
