"""Which due job a worker takes next: by priority, then the project that has the smallest share, then age.

The share of a project is the number of its jobs that run; of projects with equal shares the one comes first whose last
claim is the longest ago, so that they take turns even on one slot. Both are maintained numbers (project_counters.py).
The ordinary claim is one statement with a few entries of one index, however many jobs wait: the first entry says the
priority, and the projects are tried in the order of their shares until one has a job of that priority.
"""

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
CANDIDATES = 100  # of each kind, when there are delayed ones: more than workers that claim at the same moment
ALL_PROJECTS = 2**31  # a limit, so that SQLite sorts the projects before it looks for their jobs


def claim_next(connection: Connection, *, worker: str, lease_seconds: float) -> Job | None:
    """Take the first due row: RUNNING under a new attempt; None when nothing is due.

    A project that runs as many jobs as it may is passed over. A draining worker takes none.
    """
    values = {"claimed_by": worker, "lease_seconds": lease_seconds}
    row = connection.execute(_CLAIM_ORDINARY, values).mappings().first()
    if row is None:
        row = _claim_any(connection, values)
    return None if row is None else job_of(row)


def count_due(connection: Connection, *, at_most: int) -> int:
    """How many jobs could be claimed now, or a few more; counting stops at `at_most`."""
    kinds = (select(jobs.c.id).where(kind).limit(at_most).subquery() for kind in (UNDELAYED, DELAYED))
    counts = [select(func.count()).select_from(kind).scalar_subquery() for kind in kinds]
    due, allowed = connection.execute(select(counts[0] + counts[1], _ALLOWED)).one()
    return min(at_most, int(due), int(allowed))


def _claim_any(connection: Connection, values: dict[str, object]) -> RowMapping | None:
    """The claim when a delay is over, the first project has a limit, or other workers took what the first look saw.

    Each project with a due job is tried, for each of its priorities, until one of its rows can be locked.
    """
    for pair in connection.execute(_PAIRS).all():
        if pair.running_jobs is not None and not _has_room(connection, pair.project_id, pair.running_jobs):
            continue
        chosen = {**values, "chosen_project": pair.project_id, "chosen_priority": pair.priority}
        row = connection.execute(_CLAIM_CHOSEN, chosen).mappings().first()
        if row is not None:
            return row
    return None


def _has_room(connection: Connection, project_id: int, limit: int) -> bool:
    """Whether the project may run one more job; no other worker claims one of its jobs until this transaction ends.

    Counted after the lock, in a statement of its own: the one before may not see what the others have committed.
    """
    connection.execute(_LOCK_PROJECT, {"chosen_project": project_id})
    return int(connection.execute(_COUNT_RUNNING, {"chosen_project": project_id}).scalar_one()) < limit


def _shares() -> Subquery:
    """Every project with a waiting job: what it runs, when it was served last, and how many jobs it may run."""
    of_project = project_counters.c.project_id
    running, waiting = (cast(func.sum(project_counters.c[name]), BigInteger) for name in ("running", "pending"))
    summed = (
        select(
            of_project,
            running.label("running"),
            waiting.label("waiting"),
            func.coalesce(func.max(project_counters.c.claimed_at), 0.0).label("claimed_at"),
        )
        .group_by(of_project)
        .having(func.sum(project_counters.c.pending) > 0)
        .subquery()
    )
    return (
        select(summed, projects.c.running_jobs)
        .join(projects, projects.c.id == summed.c.project_id)
        .where(or_(projects.c.running_jobs.is_(None), summed.c.running < projects.c.running_jobs))
        .order_by(summed.c.running, summed.c.claimed_at, summed.c.project_id)
        .limit(ALL_PROJECTS)
        .subquery()
    )


def _first(due: Select[tuple[int]]) -> Select[tuple[int]]:
    # The row lock has no effect on SQLite, where the transaction holds the write lock.
    drains = exists().where(heartbeats.c.process == bindparam("claimed_by", type_=Text), heartbeats.c.draining)
    return due.where(~drains).order_by(jobs.c.id).limit(1).with_for_update(skip_locked=True)


def _claim(due: Select[tuple[int]]) -> Update:
    claim = update(jobs).where(jobs.c.id == _first(due).scalar_subquery(), jobs.c.status == JobStatus.PENDING)
    return claim.values(
        status=JobStatus.RUNNING,
        attempt=jobs.c.attempt + 1,
        lease_until=NOW + bindparam("lease_seconds", type_=Double),
        worker=bindparam("claimed_by", type_=Text),
        attempt_started_at=NOW,
        started_at=func.coalesce(jobs.c.started_at, NOW),
        progress=0.0,
        progress_message="starting",
        eta_seconds=None,
    )


def _ordinary() -> Select[tuple[int]]:
    """The jobs of the first priority that belong to the project with the smallest share; none while a delay is over,
    or while that project has a limit, which must be locked first."""
    head, waits, delayed, shares = jobs.alias("head"), jobs.alias("waits"), jobs.alias("delayed"), _shares()
    first = select(head.c.priority).where(_is_due(head, was_delayed=False)).order_by(head.c.priority).limit(1)
    has_job = select(waits.c.id).where(
        _is_due(waits, was_delayed=False),
        waits.c.priority == first.scalar_subquery(),
        waits.c.project_id == shares.c.project_id,
    )
    chosen = select(case((shares.c.running_jobs.is_(None), shares.c.project_id))).where(exists(has_job)).limit(1)
    over = select(delayed.c.id).where(
        delayed.c.status == literal_column("'PENDING'"),
        delayed.c.run_after > delayed.c.created_at,
        delayed.c.run_after <= NOW,
    )
    return select(jobs.c.id).where(
        UNDELAYED,
        jobs.c.priority == first.scalar_subquery(),
        jobs.c.project_id == chosen.scalar_subquery(),
        ~exists(over),
    )


def _pairs() -> Select[Any]:
    """Each project that may run one more job with each priority of its due jobs, in the order of the claims."""
    shares, waits = _shares(), jobs.alias("waits")
    priorities = union_all(*(select(literal_column(str(number)).label("priority")) for number in PRIORITIES)).subquery()
    has_job = select(waits.c.id).where(
        _is_due(waits, was_delayed=False),
        waits.c.priority == priorities.c.priority,
        waits.c.project_id == shares.c.project_id,
    )
    undelayed = select(shares.c.project_id, priorities.c.priority).join(priorities, true()).where(exists(has_job))
    pairs = union(undelayed, select(jobs.c.project_id, jobs.c.priority).where(DELAYED)).subquery()
    again = _shares()
    return (
        select(pairs.c.project_id, pairs.c.priority, again.c.running_jobs)
        .join(again, again.c.project_id == pairs.c.project_id)
        .order_by(pairs.c.priority, again.c.running, again.c.claimed_at, pairs.c.project_id)
    )


def _chosen() -> Select[tuple[int]]:
    """The due jobs of one project and one priority, from the first ones of both kinds."""
    wanted = jobs.c.project_id == _PROJECT, jobs.c.priority == bindparam("chosen_priority", type_=Integer)
    kinds = [
        select(jobs.c.id).where(kind, *wanted).order_by(jobs.c.id).limit(CANDIDATES).subquery()
        for kind in (UNDELAYED, DELAYED)
    ]
    either = union_all(*(select(kind.c.id) for kind in kinds))
    return select(jobs.c.id).where(jobs.c.id.in_(either), jobs.c.run_after <= NOW, _PENDING, ~jobs.c.cancel_requested)


def _allowed() -> ColumnElement[int]:
    """How many of the waiting jobs the limits of their projects let start now."""
    shares = _shares()
    room = shares.c.running_jobs - shares.c.running
    limited = case((room < shares.c.waiting, room), else_=shares.c.waiting)
    allowed = case((shares.c.running_jobs.is_(None), shares.c.waiting), else_=limited)
    return select(cast(func.coalesce(func.sum(allowed), 0), BigInteger)).scalar_subquery()


# Built once: building a statement costs more than executing it.
_PROJECT = bindparam("chosen_project", type_=BigInteger)
_PENDING = jobs.c.status == literal_column("'PENDING'")
_CLAIM_ORDINARY = _claim(_ordinary()).returning(*COLUMNS)
_CLAIM_CHOSEN = _claim(_chosen()).returning(*COLUMNS)
_PAIRS = _pairs()
_ALLOWED = _allowed()
_LOCK_PROJECT = select(projects.c.id).where(projects.c.id == _PROJECT).with_for_update(key_share=True)
_COUNT_RUNNING = select(cast(func.coalesce(func.sum(project_counters.c.running), 0), BigInteger)).where(
    project_counters.c.project_id == _PROJECT
)
