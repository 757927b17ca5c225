"""A PENDING job says what it waits for, to everybody who looks at it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from ml_training.db import claims, heartbeats, jobs
from ml_training.domain.retry import EndReason
from ml_training.execution import transitions
from ml_training.execution.transitions import AttemptFence
from ml_training.process.storage_check import storage_report
from ml_training.services.resources import Resources
from ml_training.services.waiting import with_reason
from tests.support.jobs import read_job, store_dataset, store_job

Store = Callable[..., int]


@pytest.fixture
def store(resources: Resources) -> Store:
    """Stores PENDING jobs of one data set."""
    dataset_id = store_dataset(resources.database)
    return lambda **values: store_job(resources.database, dataset_id=dataset_id, **values)


def reason(resources: Resources, job_id: int) -> str:
    return with_reason(resources, read_job(resources.database, job_id)).progress_message


def beat(resources: Resources, *, slots: int, trouble: str | None = None) -> None:
    with resources.database.write() as connection:
        body = {"slots": slots, **storage_report(trouble)}
        heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body=body)


def test_without_a_worker_it_says_so(resources: Resources, store: Store) -> None:
    job_id = store()
    assert reason(resources, job_id) == "waits for a worker: no worker is running"
    beat(resources, slots=0, trouble="another storage")
    assert reason(resources, job_id) == "waits for a worker: no worker can use the storage of the service"


def test_it_counts_the_jobs_that_are_taken_before_it(resources: Resources, store: Store) -> None:
    beat(resources, slots=2)
    ids = [store(priority=priority) for priority in (5, 5, 1, 9)]
    assert [reason(resources, job_id) for job_id in ids] == [
        "waits for a free worker; 1 job before it",
        "waits for a free worker; 2 jobs before it",
        "waits for a free worker; it is the next one",
        "waits for a free worker; 3 jobs before it",
    ]


def test_counting_ends_at_a_thousand(resources: Resources, store: Store) -> None:
    beat(resources, slots=1)
    first = store()
    with resources.database.write() as connection:
        rows = [
            {"job_type": "TRAIN", "model_type": "ridge", "spec": {}, "dataset_id": 1, "priority": 5}
            | {"max_runtime_seconds": 1.0, "phases_count": 0}
            for _ in range(1_500)
        ]
        stored = jobs.insert_jobs(connection, rows, now=read_job(resources.database, first).created_at)
    assert reason(resources, stored[-1].id) == "waits for a free worker; 1,000 or more jobs before it"


@pytest.mark.parametrize("end", [EndReason.DRAIN, EndReason.INFRASTRUCTURE])
def test_a_job_that_was_handed_back_says_why_and_until_when(resources: Resources, store: Store, end: EndReason) -> None:
    beat(resources, slots=1)
    job_id = store()
    with resources.database.write() as connection:
        job = claims.claim_next(connection, worker="worker@a-1", lease_seconds=60.0)
        assert job is not None
        assert transitions.hand_back(connection, AttemptFence.of(job), end)
        if end is EndReason.INFRASTRUCTURE:
            connection.execute(text("UPDATE jobs SET run_after = run_after + 100"))
    job = read_job(resources.database, job_id)
    if end is EndReason.DRAIN:
        assert reason(resources, job_id) == "waits to run again: its worker shut down; it is the next one"
    else:
        until = datetime.fromtimestamp(job.run_after, UTC).strftime("%H:%M:%S")
        assert reason(resources, job_id) == f"{end.message}; not before {until} UTC"


def test_a_job_that_does_not_wait_is_shown_as_it_is(resources: Resources, store: Store) -> None:
    job_id = store()
    with resources.database.write() as connection:
        assert claims.claim_next(connection, worker="worker@a-1", lease_seconds=60.0)
    job = read_job(resources.database, job_id)
    assert with_reason(resources, job) is job
    assert job.progress_message == "starting"
