"""What each project uses now, as maintained numbers: reading them costs the same for ten jobs and for a million.

Triggers change them in the transaction that inserts, moves or deletes a row, so they are exact whatever is killed. On
PostgreSQL the number of a project is the sum of several rows: a transaction changes the first one that no other
transaction has locked, and adds a row when all are locked. So no writer waits for another one, and there are as many
rows as there once were writers of the project at the same moment.
"""

from sqlalchemy import BigInteger, Connection, cast, func, select
from sqlalchemy.sql.elements import ColumnElement

from ml_training.db.project_scope import own
from ml_training.db.project_tables import project_counters
from ml_training.domain.quotas import Usage


def _sum(column: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


_SUMS = [_sum(project_counters.c[name]) for name in ("pending", "running", "stored_bytes")]
_OWN = select(*_SUMS).where(own(project_counters))


def read_usage(connection: Connection) -> Usage:
    """What the project of this transaction uses."""
    return Usage(*map(int, connection.execute(_OWN).one()))
