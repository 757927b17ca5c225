"""What a project does now, and what the fleet does: maintained numbers and short ranges of indexes, never a count over
jobs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select, union_all

from ml_training.db.clock import read_clock
from ml_training.db.job_rows import WAITING_STUDY
from ml_training.db.jobs import RUNNING
from ml_training.db.project_scope import own
from ml_training.db.tables import TOP_ENDED, jobs
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus


@dataclass(frozen=True, slots=True)
class Ends:
    """How many jobs of a project have ended since a time, by status; the jobs of studies are not counted."""

    since: float
    by_status: dict[JobStatus, int]


@dataclass(frozen=True, slots=True)
class RunningOnWorker:
    """A RUNNING job of any project."""

    worker: str
    project_id: int
    id: int
    job_type: str
    model_type: str
    attempt: int
    progress: float


def _oldest() -> Select[Any]:
    """The lowest time of the first rows of the ranges of an index, one for each type of job."""
    waits = own(jobs), jobs.c.parent_id.is_(None), jobs.c.status == JobStatus.PENDING.value, ~WAITING_STUDY
    keys = jobs.c.project_id, jobs.c.status, jobs.c.job_type, jobs.c.id
    firsts = [
        select(jobs.c.created_at).where(*waits, jobs.c.job_type == kind.value).order_by(*keys).limit(1).subquery()
        for kind in JobType
    ]
    return select(func.min(union_all(*(select(first.c.created_at) for first in firsts)).subquery().c.created_at))


_OLDEST = _oldest()  # built once: building it costs more than executing it


def recent_ends(connection: Connection, *, seconds: float, at_most: int) -> Ends:
    """The jobs of the project that ended in the last `seconds`, or since a later time: the newest `at_most` of them."""
    since = read_clock(connection) - seconds
    newest = (
        select(jobs.c.finished_at, jobs.c.status)
        .where(own(jobs), *TOP_ENDED, jobs.c.finished_at >= since)
        .order_by(jobs.c.project_id.desc(), jobs.c.finished_at.desc())
        .limit(at_most)
    )
    found = connection.execute(newest).all()
    if len(found) == at_most:
        since = found[-1].finished_at
    return Ends(since, dict(Counter(JobStatus(row.status) for row in found)))


def count_waiting_studies(connection: Connection, *, at_most: int) -> int:
    """How many studies of the project wait for their trials: PENDING rows that users see as RUNNING."""
    waiting = select(jobs.c.id).where(own(jobs), WAITING_STUDY).limit(at_most).subquery()
    return int(connection.execute(select(func.count()).select_from(waiting)).scalar_one())


def oldest_pending(connection: Connection) -> float | None:
    """How many seconds the oldest PENDING job of the project waits, without the jobs of studies; None: none waits."""
    oldest = connection.execute(_OLDEST).scalar()
    return None if oldest is None else read_clock(connection) - float(oldest)


def running_on_workers(connection: Connection, *, at_most: int) -> Sequence[RunningOnWorker]:
    """The RUNNING jobs of all projects, in the order of their leases."""
    columns = [jobs.c[name] for name in RunningOnWorker.__slots__]
    # Every running job has a lease: the condition makes SQLite take the small index of the leases.
    running = select(*columns).where(RUNNING, jobs.c.lease_until > 0).order_by(jobs.c.lease_until).limit(at_most)
    return [RunningOnWorker(**row) for row in connection.execute(running).mappings()]
