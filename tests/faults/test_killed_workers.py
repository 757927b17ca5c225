"""Killed and drained processes of a fleet: their jobs run again, and nothing is lost or done twice."""

import time

import pytest

from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.local.stack_processes import WORKER_STOP_SECONDS
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet
from tests.support.fleet_jobs import LONG, MIDDLE, SMALL, counted, ended, running, train, worker_of

pytestmark = pytest.mark.slow
HANDED_BACK_SECONDS = 10.0  # docs/faults.md: SIGTERM in mid-job


def test_a_job_whose_process_is_killed_is_run_again_and_completes(stack: RunningFleet, large: int) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    [child] = stack.fleet.children(worker_of(stack, job))
    child.kill()
    job = ended(stack, job.id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
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
