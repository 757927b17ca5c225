"""Edits the stored definition of a table of SQLite, for migrations that change what SQLite cannot alter.

To copy the table would fire its triggers and the cascades of other tables, so the definition is edited, as
https://www.sqlite.org/lang_altertable.html allows where every row stays valid.
"""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

DEFENSIVE = 1010  # SQLITE_DBCONFIG_DEFENSIVE, which the module sqlite3 names from Python 3.12 on


def edit_definition(
    connection: Connection, table: str, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> None:
    """Replace the one place that the pattern finds; raises RuntimeError when there is not exactly one."""
    _let_schema_be_edited(connection.connection.dbapi_connection)
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    find = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
    definition = str(connection.exec_driver_sql(find, (table,)).scalar_one())
    edited, changes = pattern.subn(replacement, definition)
    if changes != 1:
        raise RuntimeError(f"the table {table} is not as the revisions before made it: {pattern.pattern}")
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (edited, table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _let_schema_be_edited(dbapi: Any) -> None:
    """Some systems build SQLite so that it refuses to edit its schema unless a connection asks for it."""
    if hasattr(dbapi, "setconfig"):  # Python 3.12
        dbapi.setconfig(DEFENSIVE, False)
