"""Reads whole tables, and fills empty ones with the rows of another database: the statements of backup and restore.

A row is a list of JSON values in the order of `Copied.columns`. A JSON column is its text, so that no number and no
missing value changes on the way between the two databases. Triggers are off while tables are filled: the rows that they
keep (ledger, tags, counters of projects) are copied as they are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, Table, cast, func, inspect, select, update
from sqlalchemy import Text as SqlText
from sqlalchemy import text as sql

from ml_training.db.access_tables import api_keys
from ml_training.db.change_tables import changes
from ml_training.db.clock import db_now
from ml_training.db.explanation_tables import explanations
from ml_training.db.storage_tables import tombstones
from ml_training.db.study_tables import studies
from ml_training.db.tables import jobs
from ml_training.db.upload_tables import uploads

ROWS_READ_TOGETHER = 50  # a row may have megabytes
PARAMETERS_TOGETHER = 5_000
# Of processes that run now, and of the storage that is filled by a restore.
NOT_COPIED = frozenset(
    {"heartbeats", "storage_identity", "tombstones", "storage_sweeps", "sweep_holds", "alembic_version", "changes"}
    | {"schema_compatibility"}
)
FILLED_BY_MIGRATIONS = frozenset({"projects", "project_counters", "key_changes"})
# The modules of all tables are imported: now it holds every table.
METADATA = (*(table.metadata for table in (api_keys, changes, explanations, studies, tombstones, uploads)),)[0]


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that is copied; columns: those that are stored, not computed."""

    table: Table

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of a row."""
        return [column.name for column in self.table.c if column.computed is None]


def copied_tables(connection: Connection) -> list[Copied]:
    """Every table whose rows are copied, those that others name first.

    Raises RuntimeError when the database has a table that this code does not know: its rows would be lost.
    """
    known = {table.name for table in METADATA.sorted_tables} | NOT_COPIED
    unknown = sorted(set(inspect(connection).get_table_names()) - known)
    if unknown:
        raise RuntimeError(f"the database has tables that this version does not know: {', '.join(unknown)}")
    return [Copied(table) for table in METADATA.sorted_tables if table.name not in NOT_COPIED]


def read_rows(connection: Connection, copied: Copied) -> Iterator[list[Any]]:
    """Every row of the table; a few of them are in memory at a time."""
    columns = [
        cast(column, SqlText) if isinstance(column.type, JSON) else column
        for column in (copied.table.c[name] for name in copied.columns)
    ]
    rows = connection.execution_options(stream_results=True, yield_per=ROWS_READ_TOGETHER).execute(select(*columns))
    for row in rows:
        yield list(row)


def last_ids(connection: Connection, tables: Sequence[Copied]) -> dict[str, int]:
    """The last id that each table has given, also of a row that is gone: no id is used twice."""
    if connection.dialect.name == "sqlite":
        names = {copied.name for copied in tables}
        found = connection.execute(sql("SELECT name, seq FROM sqlite_sequence"))
        return {row.name: int(row.seq) for row in found if row.name in names}
    ids = {}
    for copied, sequence in _sequences(connection, tables):
        row = connection.execute(sql(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608 - its name
        ids[copied.name] = int(row.last_value) if row.is_called else 0
    return ids


def tables_with_rows(connection: Connection, tables: Sequence[Copied]) -> list[str]:
    """Those that hold more than what the migrations put into them."""
    found = []
    for copied in tables:
        rows = connection.execute(select(func.count()).select_from(select(copied.table).limit(2).subquery())).scalar()
        if rows and (copied.name not in FILLED_BY_MIGRATIONS or rows > 1):
            found.append(copied.name)
    return found


def lock_tables(connection: Connection, tables: Sequence[Copied]) -> None:
    """Nobody else adds rows until the end of the transaction; on SQLite one transaction writes at a time."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{copied.name}"' for copied in tables)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


@contextmanager
def filling(connection: Connection, tables: Sequence[Copied]) -> Iterator[None]:
    """Tables without rows and triggers in the block; the triggers are there again at its end."""
    is_sqlite = connection.dialect.name == "sqlite"
    triggers = []
    if is_sqlite:  # it cannot switch a trigger off
        found = connection.execute(sql("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"))
        triggers = list(found.all())
        for name, _ in triggers:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    for copied in reversed(tables):
        if not is_sqlite:
            connection.exec_driver_sql(f'ALTER TABLE "{copied.name}" DISABLE TRIGGER USER')
        connection.execute(copied.table.delete())
    yield
    for _, definition in triggers:
        connection.exec_driver_sql(definition)
    if not is_sqlite:
        for copied in tables:
            connection.exec_driver_sql(f'ALTER TABLE "{copied.name}" ENABLE TRIGGER USER')


class RowWriter:
    """Adds rows to one table, many with one statement."""

    def __init__(self, connection: Connection, copied: Copied) -> None:
        is_sqlite = connection.dialect.name == "sqlite"
        self._connection = connection
        columns = ", ".join(f'"{name}"' for name in copied.columns)
        self._head = f'INSERT INTO "{copied.name}" ({columns}) VALUES '  # noqa: S608 - names of this code
        types = [copied.table.c[name].type for name in copied.columns]
        mark = "?" if is_sqlite else "%s"
        marks = ["%s::json" if isinstance(kind, JSON) and not is_sqlite else mark for kind in types]
        self._row = f"({', '.join(marks)})"

    @property
    def rows_together(self) -> int:
        """How many rows to write with one statement."""
        return max(1, PARAMETERS_TOGETHER // self._row.count(",") or 1)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add the rows."""
        values = tuple(value for row in rows for value in row)
        self._connection.exec_driver_sql(self._head + ", ".join([self._row] * len(rows)), values)


def set_last_ids(connection: Connection, tables: Sequence[Copied], ids: dict[str, int]) -> None:
    """The next id of each table is above the last one that was given, and above those of its rows."""
    if connection.dialect.name == "sqlite":
        for copied in tables:
            if copied.name in ids:
                connection.execute(sql("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": copied.name})
                row = {"name": copied.name, "last": max(ids[copied.name], _highest(connection, copied))}
                connection.execute(sql("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), row)
        return
    for copied, sequence in _sequences(connection, tables):
        last = max(ids.get(copied.name, 0), _highest(connection, copied))
        values = {"name": sequence, "last": max(last, 1), "called": last > 0}
        connection.execute(sql("SELECT setval(:name, :last, :called)"), values)


def requeue_running(connection: Connection) -> list[tuple[int, int, str, int | None]]:
    """Let jobs that ran when their rows were copied wait again; no attempt is charged.

    Returns those with a cancel request, as (id, attempt, job type, data set): they must not wait.
    """
    running = jobs.c.status == "RUNNING"
    waits: dict[str, Any] = {
        "status": "PENDING",
        "run_after": db_now(),
        "lease_until": None,
        "worker": None,
        "eta_seconds": None,
    }
    waits |= {"progress": 0.0, "progress_message": "waits to run again: it ran when the backup was made"}
    connection.execute(update(jobs).where(running, ~jobs.c.cancel_requested).values(**waits))
    rest = select(jobs.c.id, jobs.c.attempt, jobs.c.job_type, jobs.c.dataset_id).where(running)
    return [(row.id, row.attempt, row.job_type, row.dataset_id) for row in connection.execute(rest)]


def _highest(connection: Connection, copied: Copied) -> int:
    return int(connection.execute(select(func.max(copied.table.c.id))).scalar() or 0)


def _sequences(connection: Connection, tables: Sequence[Copied]) -> Iterator[tuple[Copied, str]]:
    for copied in tables:
        if "id" in copied.columns:
            values = {"table": copied.name}
            name = connection.execute(sql("SELECT pg_get_serial_sequence(:table, 'id')"), values).scalar()
            if name:
                yield copied, str(name)
