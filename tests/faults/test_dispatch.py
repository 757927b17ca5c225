"""From the COMMIT to the start of a job: a permit wakes a child, which then runs what is due, without maintenance."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.domain.states import JobStatus
from ml_training.services import queries
from tests.support.datasets import ready_sample
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.fleet_jobs import LONG, SMALL, ended, running, train
from tests.support.jobs import store_job

pytestmark = pytest.mark.slow
JOBS_A_CHILD = 4


@pytest.fixture
def stack(tmp_path: Path, sqlite_template: bytes, broker_url: str) -> Iterator[RunningFleet]:
    """One worker with one slot; nobody relays permits."""
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    with running_fleet(
        tmp_path,
        database_url=f"sqlite:///{tmp_path / 'jobs.db'}",
        broker_url=broker_url,
        worker_max_jobs_per_child=str(JOBS_A_CHILD),
    ) as stack:
        stack.fleet.kill("maintenance")
        yield stack


def test_one_permit_runs_all_that_is_due_in_as_many_children_as_it_takes(stack: RunningFleet) -> None:
    dataset = ready_sample(stack.resources)
    [child] = stack.fleet.children()
    waiting = [store_job(stack.resources.database, dataset_id=dataset.id) for _ in range(2 * JOBS_A_CHILD)]
    assert queries.get_job(stack.resources, waiting[0]).status is JobStatus.PENDING, "there is no permit for it"
    last = train(stack, dataset.id, params=SMALL)
    assert {ended(stack, job_id).attempt for job_id in [*waiting, last.id]} == {1}
    assert stack.resources.permits.waiting() == 0
    eventually(lambda: child not in stack.fleet.children(), what="a child runs a limited number of jobs")
    stack.check()


def test_a_job_that_ends_in_a_draining_worker_is_its_last(stack: RunningFleet) -> None:
    dataset = ready_sample(stack.resources)
    first = running(stack, train(stack, dataset.id, params=LONG).id)
    waiting = store_job(stack.resources.database, dataset_id=dataset.id)
    assert stack.fleet.stop("worker") == 0
    assert queries.get_job(stack.resources, first.id).status is JobStatus.PENDING, "it was handed back"
    assert queries.get_job(stack.resources, waiting).attempt == 0
