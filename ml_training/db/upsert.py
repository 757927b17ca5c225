"""INSERT ... ON CONFLICT for both databases; SQLAlchemy has one construct for each."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def conflict_insert(dialect: str, table: Table) -> Any:
    """An insert into `table` with `.on_conflict_do_update` and `.on_conflict_do_nothing`; dialect: its name."""
    module: Any = sqlite if dialect == "sqlite" else postgresql
    return module.insert(table)
