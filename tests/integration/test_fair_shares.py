"""The claim gives each project its share: nobody's flood keeps another project's job waiting."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import text

from ml_training.db import claims, jobs
from ml_training.db.engine import Database
from ml_training.db.invariants import broken_rows
from ml_training.domain.records import Job
from ml_training.maintenance.relay import relay_once
from ml_training.services.resources import Resources
from tests.support.jobs import store_dataset, store_job

FLOOD = 10_000
A, B, C = 1, 2, 3
FLOOD_OF_JOBS = """
    INSERT INTO jobs (project_id, job_type, model_type, status, spec, priority, attempt, cancel_requested,
      max_runtime_seconds, runtime_seconds, progress, progress_message, phases_count, created_at, run_after)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :jobs)
    SELECT :project, 'TRAIN', 'ridge', 'PENDING', '{}', 5, 0, false, 60.0, 0.0, 0.0, '', 0, 1.0, 1.0 FROM numbers"""


class Projects:
    """Three projects with a data set each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.write() as connection:
            connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('b', 0.0)"))
            connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('c', 0.0)"))
        self.datasets = {project: store_dataset(database.of(project)) for project in (A, B, C)}

    def store(self, project: int, **values: object) -> int:
        """A PENDING job."""
        return store_job(self.database.of(project), dataset_id=self.datasets[project], **values)

    def flood(self, project: int, number: int = FLOOD) -> None:
        """So many PENDING jobs, all older than any other."""
        with self.database.write() as connection:
            connection.execute(text(FLOOD_OF_JOBS), {"project": project, "jobs": number})

    def claim(self) -> Job | None:
        """What a free slot takes."""
        with self.database.write() as connection:
            return claims.claim_next(connection, worker="w", lease_seconds=60)

    def finish(self, job: Job) -> None:
        """The slot of the job is free again."""
        with self.database.write() as connection:
            assert jobs.cancel_running(connection, job_id=job.id, attempt=job.attempt)

    def limit(self, project: int, running: int | None) -> None:
        """How many jobs the project may run."""
        with self.database.write() as connection:
            values = {"running": running, "id": project}
            connection.execute(text("UPDATE projects SET running_jobs = :running WHERE id = :id"), values)

    def claimed(self, number: int) -> list[int]:
        """The projects of the next claims, no job of which ends."""
        return [job.project_id for job in (self.claim() for _ in range(number)) if job is not None]


@pytest.fixture
def projects(database: Database) -> Iterator[Projects]:
    """Three projects."""
    found = Projects(database)
    yield found
    with database.read() as connection:
        assert not list(broken_rows(connection))


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_a_flood_of_one_project_delays_a_job_of_another_by_two_turns_at_most(projects: Projects, slots: int) -> None:
    projects.flood(A)
    busy = [projects.claim() for _ in range(slots)]
    small = projects.store(B)
    taken = []
    for _ in range(2):
        done = busy.pop(0)
        assert done is not None
        projects.finish(done)
        busy.append(projects.claim())
        taken.append(busy[-1])
    assert small in [job.id for job in taken if job is not None]


def test_projects_share_the_slots_equally_whoever_came_first(projects: Projects) -> None:
    projects.flood(A, 50)
    projects.flood(B, 50)
    projects.flood(C, 2)
    taken = projects.claimed(12)
    assert [taken.count(project) for project in (A, B, C)] == [5, 5, 2]


def test_on_one_slot_projects_take_turns(projects: Projects) -> None:
    projects.flood(A, 10)
    projects.flood(B, 10)
    taken = []
    for _ in range(8):
        job = projects.claim()
        assert job is not None
        taken.append(job.project_id)
        projects.finish(job)
    assert [taken.count(project) for project in (A, B)] == [4, 4]
    assert all(first != second for first, second in pairwise(taken))


def test_priority_comes_before_shares_and_age_within_a_project(projects: Projects) -> None:
    first, second = projects.store(A), projects.store(A)
    urgent = [projects.store(B, priority=1) for _ in range(3)]
    taken = [job.id for job in (projects.claim() for _ in range(5)) if job is not None]
    assert taken == [*urgent, first, second]


def test_a_job_whose_delay_is_over_takes_its_turn(projects: Projects) -> None:
    delayed, later = projects.store(A), projects.store(A)
    with projects.database.write() as connection:
        connection.execute(text("UPDATE jobs SET run_after = created_at + 0.001 WHERE id = :id"), {"id": delayed})
    projects.flood(B, 5)
    taken = [job.project_id for job in (projects.claim() for _ in range(4)) if job is not None]
    assert sorted(taken) == [A, A, B, B]
    assert later


def test_a_project_at_its_limit_is_passed_over_and_gets_no_permits(projects: Projects, resources: Resources) -> None:
    projects.limit(A, 2)
    projects.flood(A, 20)
    assert projects.claimed(3) == [A, A]
    with projects.database.read() as connection:
        assert claims.count_due(connection, at_most=10) == 0, "the relay must not wake workers for nothing"
    assert relay_once(resources) == 0
    waits = projects.store(B, priority=9)
    job = projects.claim()
    assert job is not None
    assert job.id == waits
    projects.limit(A, 3)
    assert projects.claimed(2) == [A]


def test_workers_that_claim_at_once_keep_the_limit(projects: Projects) -> None:
    projects.limit(A, 3)
    projects.flood(A, 100)
    projects.store(B)
    with ThreadPoolExecutor(16) as pool:
        taken = [job for job in pool.map(lambda _: projects.claim(), range(48)) if job is not None]
    assert sorted(job.project_id for job in taken) == [A, A, A, B]


def test_workers_that_claim_at_once_leave_no_due_job(projects: Projects) -> None:
    for project in (A, B, C):
        projects.flood(project, 20)
    with ThreadPoolExecutor(8) as pool:
        taken = [job.id for job in pool.map(lambda _: projects.claim(), range(80)) if job is not None]
    assert len(taken) == len(set(taken)) == 60
