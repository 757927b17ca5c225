"""The length of the queue as a maintained number: reading it costs the same for ten jobs and for a million.

It is the sum of what triggers count for each project, see project_counters.py.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, or_, select

from ml_training.db.clock import NOW
from ml_training.db.project_tables import QUOTAS, project_counters, projects

_HAS_QUOTA = exists().where(or_(*(projects.c[name].is_not(None) for name in QUOTAS)))
_LENGTH = select(func.coalesce(func.sum(project_counters.c.pending), 0), NOW, _HAS_QUOTA)


@dataclass(frozen=True, slots=True)
class Queue:
    """How many jobs are PENDING, the database's clock in Unix seconds, and whether any project has a quota."""

    pending: int
    now: float
    has_quotas: bool


def count_pending(connection: Connection) -> int:
    """How many jobs are PENDING."""
    return read_queue(connection).pending


def read_queue(connection: Connection) -> Queue:
    """The queue of the whole service."""
    length, now, has_quotas = connection.execute(_LENGTH).one()
    return Queue(int(length), float(now), bool(has_quotas))
