"""INSERT ... ON CONFLICT for both databases; SQLAlchemy has one construct for each."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def conflict_insert(connection: Connection, table: Table) -> Any:
    """An insert into `table` with `.on_conflict_do_update` and `.on_conflict_do_nothing`."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
