"""Which due job a worker takes next: by priority, then the project that has the smallest share, then age.

The share of a project is the number of its jobs that run; of projects with equal shares the one comes first whose last
claim is the longest ago, so that they take turns even on one slot. Both are maintained numbers (project_counters.py).
The ordinary claim is one statement with a few entries of one index, however many jobs wait: the first entry says the
priority, and the projects are tried in the order of their shares until one has a job of that priority.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    RowMapping,
    Select,
    Subquery,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
    update,
)

from ml_training.db.clock import NOW
from ml_training.db.job_rows import COLUMNS, job_of
from ml_training.db.project_tables import project_counters, projects
from ml_training.db.tables import heartbeats, jobs
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus


def _is_due(table: FromClause, *, was_delayed: bool) -> ColumnElement[bool]:
    # Spelled out, not bound: a database takes a partial index only for a condition that it can read.
    pending = table.c.status == literal_column("'PENDING'")
    never = table.c.run_after <= table.c.created_at
    kind = table.c.run_after > table.c.created_at if was_delayed else never
    return and_(pending, table.c.run_after <= NOW, ~table.c.cancel_requested, kind)


# Two kinds of due jobs, each with its own index: those that were never delayed, and those whose delay is over.
UNDELAYED, DELAYED = (_is_due(jobs, was_delayed=was_delayed) for was_delayed in (False, True))
PRIORITIES = range(1, 11)
LARGEST_ID = 2**63 - 1
CANDIDATES = 100  # of each kind, when there are delayed ones: more than workers that claim at the same moment
ALL_PROJECTS = 2**31  # a limit, so that SQLite sorts the projects before it looks for their jobs


@dataclass(frozen=True, slots=True)
class _Claims:
    """The statements of claims for one kind of database."""

    ordinary: Any
    pairs: Any
    chosen: Any
    allowed: ColumnElement[int]


@cache  # building a statement costs more than executing it
def _claims(dialect: str) -> _Claims:
    ordinary, chosen = (_claim(due).returning(*COLUMNS) for due in (_ordinary(dialect), _chosen(dialect)))
    return _Claims(ordinary, _pairs(dialect), chosen, _allowed(dialect))


def claim_next(connection: Connection, *, worker: str, lease_seconds: float) -> Job | None:
    """Take the first due row: RUNNING under a new attempt; None when nothing is due.

    A project that runs as many jobs as it may is passed over. A draining worker takes none.
    """
    values = {"claimed_by": worker, "lease_seconds": lease_seconds}
    row = connection.execute(_claims(connection.dialect.name).ordinary, values).mappings().first()
    if row is None:
        row = _claim_any(connection, values)
    return None if row is None else job_of(row)


def count_due(connection: Connection, *, at_most: int) -> int:
    """How many jobs could be claimed now, or a few more; counting stops at `at_most`."""
    kinds = (select(jobs.c.id).where(kind).limit(at_most).subquery() for kind in (UNDELAYED, DELAYED))
    counts = [select(func.count()).select_from(kind).scalar_subquery() for kind in kinds]
    allowed = _claims(connection.dialect.name).allowed
    due, most = connection.execute(select(counts[0] + counts[1], allowed)).one()
    return min(at_most, int(due), int(most))


def _claim_any(connection: Connection, values: dict[str, object]) -> RowMapping | None:
    """The claim when a delay is over, the first project has a limit, or other workers took what the first look saw.

    Each project with a due job is tried, for each of its priorities, until one of its rows can be locked.
    """
    claims = _claims(connection.dialect.name)
    for pair in connection.execute(claims.pairs).all():
        if pair.running_jobs is not None and not _has_room(connection, pair.project_id, pair.running_jobs):
            continue
        chosen = {**values, "chosen_project": pair.project_id, "chosen_priority": pair.priority}
        row = connection.execute(claims.chosen, chosen).mappings().first()
        if row is not None:
            return row
    return None


def _has_room(connection: Connection, project_id: int, limit: int) -> bool:
    """Whether the project may run one more job; no other worker claims one of its jobs until this transaction ends.

    Counted after the lock, in a statement of its own: the one before may not see what the others have committed.
    """
    connection.execute(_LOCK_PROJECT, {"chosen_project": project_id})
    return int(connection.execute(_COUNT_RUNNING, {"chosen_project": project_id}).scalar_one()) < limit


def _in_line(dialect: str, table: FromClause, priority: Any, project_id: Any) -> Select[tuple[int]]:
    """The jobs of one project and one priority that were never delayed, by age.

    PostgreSQL gets a range of the index in the index's own order, as in newest.py: with equal columns in the order of
    `id` it may walk the table by `id` instead, through all jobs that have ended. SQLite, which compares only the first
    column of a range whose bounds are subqueries, gets equal columns: it takes the index for them.
    """
    keys = table.c.priority, table.c.project_id, table.c.id
    line = select(table.c.id).where(_is_due(table, was_delayed=False)).order_by(*keys)
    if dialect == "sqlite":
        return line.where(keys[0] == priority, keys[1] == project_id)
    above, below = (tuple_(priority, project_id, literal_column(str(bound))) for bound in (0, LARGEST_ID))
    return line.where(tuple_(*keys) > above, tuple_(*keys) < below)


def _has_job(dialect: str, priority: Any, project_id: Any) -> ColumnElement[bool]:
    line = _in_line(dialect, jobs.alias("waits"), priority, project_id)
    return line.limit(1).scalar_subquery().is_not(None)


def _shares(dialect: str) -> Subquery:
    """Every project with a waiting job: what it runs, when it was served last, and how many jobs it may run."""
    summed = _summed(dialect)
    return (
        select(summed, projects.c.running_jobs)
        .join(projects, projects.c.id == summed.c.project_id)
        .where(or_(projects.c.running_jobs.is_(None), summed.c.running < projects.c.running_jobs))
        .order_by(summed.c.running, summed.c.claimed_at, summed.c.project_id)
        .limit(ALL_PROJECTS)
        .subquery()
    )


def _summed(dialect: str) -> Subquery:
    """What triggers count for each project with a waiting job; SQLite has one row a project: nothing to add up."""
    counted = project_counters.c
    if dialect == "sqlite":
        numbers = counted.running, counted.pending.label("waiting")
        served = func.coalesce(counted.claimed_at, 0.0).label("claimed_at")
        return select(counted.project_id, *numbers, served).where(counted.pending > 0).subquery()
    running, waiting = (cast(func.sum(counted[name]), BigInteger) for name in ("running", "pending"))
    served = func.coalesce(func.max(counted.claimed_at), 0.0).label("claimed_at")
    summed = select(counted.project_id, running.label("running"), waiting.label("waiting"), served)
    return summed.group_by(counted.project_id).having(func.sum(counted.pending) > 0).subquery()


def _claim(due: Select[tuple[int]]) -> Update:
    # The row lock has no effect on SQLite, where the transaction holds the write lock.
    drains = exists().where(heartbeats.c.process == bindparam("claimed_by", type_=Text), heartbeats.c.draining)
    first = due.where(~drains).limit(1).with_for_update(skip_locked=True)
    claim = update(jobs).where(jobs.c.id == first.scalar_subquery(), jobs.c.status == JobStatus.PENDING)
    return claim.values(
        status=JobStatus.RUNNING,
        attempt=jobs.c.attempt + 1,
        lease_until=NOW + bindparam("lease_seconds", type_=Double),
        worker=bindparam("claimed_by", type_=Text),
        attempt_started_at=NOW,
        started_at=func.coalesce(jobs.c.started_at, NOW),
        # A study keeps the share of its trials that have ended.
        progress=case((jobs.c.open_children.is_(None), 0.0), else_=jobs.c.progress),
        progress_message=case((jobs.c.open_children.is_(None), "starting"), else_=jobs.c.progress_message),
        eta_seconds=None,
    )


def _ordinary(dialect: str) -> Select[tuple[int]]:
    """The jobs of the first priority that belong to the project with the smallest share; none while a delay is over,
    or while that project has a limit, which must be locked first."""
    head, delayed, shares = jobs.alias("head"), jobs.alias("delayed"), _shares(dialect)
    first = select(head.c.priority).where(_is_due(head, was_delayed=False)).order_by(head.c.priority).limit(1)
    priority = select(first.cte("first_priority").c.priority).scalar_subquery()
    project_id = case((shares.c.running_jobs.is_(None), shares.c.project_id))
    chosen = select(priority.label("priority"), project_id.label("project_id"))
    turn = chosen.where(_has_job(dialect, priority, shares.c.project_id)).limit(1).cte("turn")
    # In the order of the index, so that no planner reads the table until it finds one.
    over = select(delayed.c.id).where(
        delayed.c.status == literal_column("'PENDING'"),
        delayed.c.run_after > delayed.c.created_at,
        delayed.c.run_after <= NOW,
    )
    over = over.order_by(delayed.c.run_after).limit(1)
    of_turn = (select(turn.c[name]).scalar_subquery() for name in ("priority", "project_id"))
    return _in_line(dialect, jobs, *of_turn).where(over.scalar_subquery().is_(None))


def _pairs(dialect: str) -> Select[Any]:
    """Each project that may run one more job with each priority of its due jobs, in the order of the claims."""
    shares = _shares(dialect)
    priorities = union_all(*(select(literal_column(str(number)).label("priority")) for number in PRIORITIES)).subquery()
    undelayed = select(shares.c.project_id, priorities.c.priority).join(priorities, true())
    undelayed = undelayed.where(_has_job(dialect, priorities.c.priority, shares.c.project_id))
    pairs = union(undelayed, select(jobs.c.project_id, jobs.c.priority).where(DELAYED)).subquery()
    again = _shares(dialect)
    return (
        select(pairs.c.project_id, pairs.c.priority, again.c.running_jobs)
        .join(again, again.c.project_id == pairs.c.project_id)
        .order_by(pairs.c.priority, again.c.running, again.c.claimed_at, pairs.c.project_id)
    )


def _chosen(dialect: str) -> Select[tuple[int]]:
    """The due jobs of one project and one priority, from the first ones of both kinds."""
    priority = bindparam("chosen_priority", type_=Integer)
    delayed = select(jobs.c.id).where(DELAYED, jobs.c.project_id == _PROJECT, jobs.c.priority == priority)
    kinds = (_in_line(dialect, jobs, priority, _PROJECT), delayed.order_by(jobs.c.run_after))
    either = union_all(*(select(kind.limit(CANDIDATES).subquery().c.id) for kind in kinds))
    due = select(jobs.c.id).where(jobs.c.id.in_(either), jobs.c.run_after <= NOW, _PENDING, ~jobs.c.cancel_requested)
    return due.order_by(jobs.c.id)


def _allowed(dialect: str) -> ColumnElement[int]:
    """How many of the waiting jobs the limits of their projects let start now."""
    shares = _shares(dialect)
    room = shares.c.running_jobs - shares.c.running
    limited = case((room < shares.c.waiting, room), else_=shares.c.waiting)
    allowed = case((shares.c.running_jobs.is_(None), shares.c.waiting), else_=limited)
    return select(cast(func.coalesce(func.sum(allowed), 0), BigInteger)).scalar_subquery()


# Built once: building a statement costs more than executing it.
_PROJECT = bindparam("chosen_project", type_=BigInteger)
_PENDING = jobs.c.status == literal_column("'PENDING'")
_LOCK_PROJECT = select(projects.c.id).where(projects.c.id == _PROJECT).with_for_update(key_share=True)
_COUNT_RUNNING = select(cast(func.coalesce(func.sum(project_counters.c.running), 0), BigInteger)).where(
    project_counters.c.project_id == _PROJECT
)
