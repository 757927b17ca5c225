"""Processes of a fleet that sleep through their leases and wake: they write nothing, and then work again."""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet
from tests.support.fleet_jobs import LONG, MIDDLE, counted, ended, running, train, worker_of

pytestmark = pytest.mark.slow
CLAIMED_AGAIN_SECONDS = 45.0  # docs/architecture.md, invariant 11


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


def claimed_again(stack: RunningFleet, job_id: int) -> Job:
    """Wait until the second attempt has the job; with a free slot that takes no longer than invariant 11 says."""

    def moved() -> Job | None:
        job = queries.get_job(stack.resources, job_id)
        return job if job.attempt == 2 else None

    found = eventually(moved, within=CLAIMED_AGAIN_SECONDS, what=f"job {job_id} is claimed again")
    assert found is not None
    return found


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
