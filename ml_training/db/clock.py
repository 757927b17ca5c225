"""The database's clock, the only one that decides leases: Unix seconds as a double, on both databases."""

from typing import Any

from sqlalchemy import Connection, Double, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801 - reads like the SQL function that it is
    """Unix seconds now, by the clock of the database server."""

    type = Double()
    inherit_cache = True
    name = "db_now"


@compiles(db_now, "sqlite")
def _sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40. A Julian day as a double is good to 50 microseconds.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    # Not now(): that is the start of the transaction, and a claim may have waited for a lock since then.
    return "extract(epoch from clock_timestamp())::double precision"


_CLOCK = select(db_now())
# The clock in a condition: read once for the statement. PostgreSQL would otherwise read it for each row, and could not
# use an index, since the function has another value at each call.
NOW = _CLOCK.scalar_subquery()


def read_clock(connection: Connection) -> float:
    """Unix seconds now; a statement that gets them as a value can use an index on a time."""
    return float(connection.execute(_CLOCK).scalar_one())
