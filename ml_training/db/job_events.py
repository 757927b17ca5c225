"""Every statement about job events: the append-only record of a job's scores, log lines and end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select

from ml_training.db.clock import db_now
from ml_training.db.project_scope import own
from ml_training.db.tables import job_events, jobs
from ml_training.domain.records import JobEvent

EVENTS_CAP = 5_000  # per job
_LAST = select(func.max(job_events.c.seq)).where(job_events.c.job_id == bindparam("events_of"))
_APPEND = insert(job_events).values(at=db_now())


def append_events(
    connection: Connection, *, job_id: int, attempt: int, events: Sequence[tuple[str, dict[str, Any]]]
) -> int:
    """Append (kind, body) pairs in the caller's transaction, up to the cap; returns how many were kept.

    Only the attempt that has locked the row in the same transaction may call this: `seq` has one writer at a time.
    """
    last = connection.execute(_LAST, {"events_of": job_id}).scalar() or 0
    kept = list(events)[: max(0, EVENTS_CAP - last)]
    if kept:
        rows = [
            {"job_id": job_id, "seq": last + number, "attempt": attempt, "kind": kind, "body": body}
            for number, (kind, body) in enumerate(kept, start=1)
        ]
        connection.execute(_APPEND, rows)
    return len(kept)


def read_events(connection: Connection, job_id: int, *, after: int, limit: int) -> list[JobEvent]:
    """Events with seq > after, in order."""
    query = select(job_events).where(_of_own_job(job_id), job_events.c.seq > after)
    rows = connection.execute(query.order_by(job_events.c.seq).limit(limit)).mappings()
    return [JobEvent(**row) for row in rows]


def read_log(connection: Connection, job_id: int, *, after: int, limit: int) -> list[JobEvent]:
    """Log lines with seq > after, in order."""
    query = select(job_events).where(_of_own_job(job_id), job_events.c.seq > after, job_events.c.kind == "log")
    rows = connection.execute(query.order_by(job_events.c.seq).limit(limit)).mappings()
    return [JobEvent(**row) for row in rows]


def _of_own_job(job_id: int) -> ColumnElement[bool]:
    # The rows of events have no project: the one of their job decides.
    of_job = select(jobs.c.id).where(jobs.c.id == job_id, own(jobs))
    condition: ColumnElement[bool] = job_events.c.job_id == of_job.scalar_subquery()
    return condition
