"""Native code that crashes, or loops without giving the interpreter back: one slot at a time, and not for ever."""

from collections.abc import Iterator

import pytest

from ml_training.domain.errors import ErrorCode
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.submit import submit_job
from tests.support.datasets import ready_sample
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.redis_server import start_redis

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[RunningFleet]:
    """One worker with two slots, whose children do what the name of the model says; SQLite."""
    directory = tmp_path_factory.mktemp("hostile")
    (directory / "jobs.db").write_bytes(sqlite_template)
    redis = start_redis(directory / "redis")
    url = f"sqlite:///{directory / 'jobs.db'}"
    with running_fleet(
        directory,
        database_url=url,
        broker_url=redis.url,
        worker_concurrency=2,
        worker="tests.support.misbehaving_worker",
        stall_seconds="5",
    ) as stack:
        yield stack
    redis.stop()


@pytest.fixture(scope="module")
def dataset_id(stack: RunningFleet) -> int:
    """A small data set."""
    return ready_sample(stack.resources).id


def train(stack: RunningFleet, dataset_id: int, name: str, **values: object) -> int:
    """Submit a job; its name says what it will do."""
    spec = {
        "job_type": "TRAIN",
        "model_name": name,
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": {"n_estimators": 5},
        **values,
    }
    return submit_job(stack.resources, spec).id


def ended(stack: RunningFleet, job_id: int) -> Job:
    """The job, at its end."""
    job = queries.wait_for_job(stack.resources, job_id, seconds=240)
    assert job.status.is_terminal, job
    return job


@pytest.mark.parametrize("deed", ["segfault", "abort", "endless"])
def test_a_job_that_kills_or_stops_its_process_is_given_up_after_three_and_the_other_slot_lives_on(
    stack: RunningFleet, dataset_id: int, deed: str
) -> None:
    worker = stack.fleet.processes["worker"].pid
    bad = train(stack, dataset_id, deed, priority=1)
    good = 0
    while not queries.get_job(stack.resources, bad).status.is_terminal:
        job = ended(stack, train(stack, dataset_id, "good"))
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1), job
        good += 1
    assert good >= 2, "the other slot went on meanwhile"
    job = ended(stack, bad)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 3)
    assert job.error is not None
    assert job.error.code == ErrorCode.POISON
    assert stack.fleet.processes["worker"].pid == worker
    assert stack.fleet.processes["worker"].poll() is None
    eventually(lambda: len(stack.fleet.children()) == 2, what="the pool is whole again")
    both = [train(stack, dataset_id, "good") for _ in range(4)]
    assert all(ended(stack, job_id).status is JobStatus.COMPLETED for job_id in both)
    stack.check()


def test_a_job_that_kills_its_whole_worker_is_given_up_after_three(stack: RunningFleet, dataset_id: int) -> None:
    bad = train(stack, dataset_id, "parricide", priority=1)
    waits = train(stack, dataset_id, "good")
    for _ in range(3):
        process = stack.fleet.processes["worker"]
        eventually(lambda process=process: process.poll() is not None, what="the worker is dead")
        stack.fleet.kill("worker")
        stack.fleet.start_worker()
    job = ended(stack, bad)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 3)
    assert job.error is not None
    assert job.error.code == ErrorCode.POISON
    assert ended(stack, waits).status is JobStatus.COMPLETED
    stack.check()
