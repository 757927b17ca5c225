"""The place of a job among the jobs of its project, and how long equal ones took: bounded reads of the indexes that
claims use.

Jobs of other projects are not counted: the claim gives each project its share, so they do not come before a job in the
way older jobs do, and how many there are is nobody else's business.
"""

from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from ml_training.db.claims import DELAYED, PRIORITIES, UNDELAYED
from ml_training.db.clock import NOW
from ml_training.db.jobs import RUNNING
from ml_training.db.project_scope import own
from ml_training.db.tables import jobs
from ml_training.domain.records import Json
from ml_training.domain.specs import JobType


def count_before(connection: Connection, *, priority: int, job_id: int | None, at_most: int) -> int:
    """How many due jobs of the project a worker takes before a job of this priority; counting stops at `at_most`.

    job_id: None for a job that is not stored yet, which comes after all others of its priority.
    """
    same = jobs.c.priority == priority
    undelayed = select(jobs.c.id).where(UNDELAYED, own(jobs))
    undelayed = undelayed.order_by(jobs.c.priority, jobs.c.project_id, jobs.c.id)  # of the index: it is the one to read
    ranges = [
        undelayed.where(jobs.c.priority.in_([first for first in PRIORITIES if first < priority])),
        undelayed.where(same if job_id is None else and_(same, jobs.c.id < job_id)),
    ]
    found = sum(_count(connection, each, at_most) for each in ranges)
    # In the order of their time, not of their priority: few, since each of them has waited for a retry before.
    delayed = select(jobs.c.id, jobs.c.priority).where(DELAYED, own(jobs)).limit(at_most).subquery()
    older = delayed.c.priority == priority
    first = or_(delayed.c.priority < priority, older if job_id is None else and_(older, delayed.c.id < job_id))
    found += int(connection.execute(select(func.count()).select_from(delayed).where(first)).scalar_one())
    return min(at_most, found)


def count_running(connection: Connection, *, at_most: int) -> int:
    """How many jobs of all projects run; counting stops at `at_most`."""
    return _count(connection, select(jobs.c.id).where(RUNNING), at_most)


def seconds_until(connection: Connection, moment: float) -> float:
    """Seconds from now until a time of the database's clock; negative when it is over."""
    return moment - float(connection.execute(select(NOW)).scalar_one())


def recent_runs(connection: Connection, *, job_type: JobType, model_type: str, limit: int) -> list[tuple[Json, float]]:
    """Spec and seconds of run time of the newest COMPLETED jobs of the project of these types.

    Jobs with the result of an equal one are left out: how long they took says nothing about the work.
    """
    newest = (
        select(jobs.c.spec, jobs.c.runtime_seconds)
        .where(
            own(jobs),
            jobs.c.model_type == model_type,
            jobs.c.status == "COMPLETED",
            jobs.c.job_type == job_type.value,
            jobs.c.parent_id.is_(None),
            jobs.c.reused_from.is_(None),
        )
        .order_by(jobs.c.id.desc())
        .limit(limit)
    )
    return [(row.spec, float(row.runtime_seconds)) for row in connection.execute(newest)]


def _count(connection: Connection, query: Select[Any], at_most: int) -> int:
    return int(connection.execute(select(func.count()).select_from(query.limit(at_most).subquery())).scalar_one())
