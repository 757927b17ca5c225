"""The length of the queue as a maintained number: reading it costs the same for ten jobs and for a million.

Triggers change it in the transaction that inserts, moves or deletes a PENDING job, so it is exact whatever is killed.
On PostgreSQL it is the sum of several rows: a transaction changes the first one that no other transaction has locked,
and adds a row when all are locked. So no writer waits for another one, and there are as many rows as there once were
writers at the same moment.
"""

from sqlalchemy import Connection, func, select

from ml_training.db.clock import NOW
from ml_training.db.tables import queue_lengths

_LENGTH = select(func.coalesce(func.sum(queue_lengths.c.n), 0), NOW)


def count_pending(connection: Connection) -> int:
    """How many jobs are PENDING."""
    return read_queue(connection)[0]


def read_queue(connection: Connection) -> tuple[int, float]:
    """How many jobs are PENDING, and the database's clock, Unix seconds."""
    length, now = connection.execute(_LENGTH).one()
    return int(length), float(now)
