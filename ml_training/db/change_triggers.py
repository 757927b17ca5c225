"""Triggers that write the table of changes, for migrations: a table whose rows users see gets them from `tell_changes`.

On PostgreSQL numbers are given before transactions commit, so a reader that has seen number 10 may meet 9 later. Hence
a transaction says, before it takes its first number, which one was the last: by a shared advisory lock whose key holds
that number, and which ends with the transaction. Whoever reads looks at these locks first (`changes.settled`). On
SQLite one transaction writes at a time, so the numbers are in the order of the commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

CLASS = 0x6D63  # the upper 16 bits of the keys of these locks; the lower 48 are a number of the table of changes
# One lock a transaction, however many rows it changes: the setting ends with the transaction, as the lock does.
BEGIN = f"""CREATE FUNCTION changes_begin() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('ml_training.tells_changes', true), '') <> '1' THEN
    PERFORM pg_advisory_xact_lock_shared(({CLASS}::bigint << 48) | (SELECT last_value FROM changes_id_seq));
    PERFORM set_config('ml_training.tells_changes', '1', true);
  END IF;
END $$"""  # noqa: S608 - a number of this code
INSERT = "INSERT INTO changes (project_id, kind, subject_id, at)"
POSTGRESQL_NOW = "extract(epoch from clock_timestamp())"
SQLITE_NOW = "(julianday('now') - 2440587.5) * 86400.0"


def begin_telling(connection: Connection) -> None:
    """Once, before the first trigger."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(BEGIN)


def tell_changes(
    connection: Connection,
    table: str,
    kind: str,
    *,
    events: Sequence[str] = ("INSERT",),
    subject: str = "id",
    project: str = "project_id",
    condition: str = "",
    is_before: bool = False,
) -> None:
    """Tell each change of the rows of `table` as one of the thing `kind` whose id is in the column `subject`.

    events: INSERT, DELETE, `UPDATE OF column, ...`. condition: of an UPDATE, in the SQL of both databases. is_before:
    the thing is the one that the row named before the UPDATE.
    """
    for event in events:
        row = "OLD" if is_before or event == "DELETE" else "NEW"
        thing = _Thing(kind=kind, row=row, subject=subject, project=project)
        name = f"{table}_tell_{'old_' if is_before else ''}{event.split()[0].lower()}"
        if connection.dialect.name == "sqlite":
            when = f"WHEN {condition} " if condition and event.startswith("UPDATE") else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} AFTER {event} ON {table} {when}BEGIN {thing.of_row(SQLITE_NOW)}; END"
            )
        elif event.startswith("UPDATE"):
            each = f"FOR EACH ROW WHEN ({condition})" if condition else "FOR EACH ROW"
            _postgresql(connection, name, f"{event} ON {table} {each}", thing.of_row(POSTGRESQL_NOW))
        else:  # once for all rows of a statement; an UPDATE OF columns cannot
            each = f"REFERENCING {row} TABLE AS changed_rows FOR EACH STATEMENT"
            _postgresql(connection, name, f"{event} ON {table} {each}", thing.of_rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thing:
    """What a trigger tells: a kind of thing, and the columns of a row that hold its id and its project."""

    kind: str
    row: str
    subject: str
    project: str

    def of_row(self, now: str) -> str:
        """The statement of a trigger for each row."""
        return f"{INSERT} VALUES ({self.row}.{self.project}, '{self.kind}', {self.row}.{self.subject}, {now})"

    def of_rows(self) -> str:
        """The statement of a trigger for each statement."""
        told = f"SELECT {self.project}, '{self.kind}', {self.subject}, {POSTGRESQL_NOW} FROM changed_rows"  # noqa: S608
        return f"{INSERT} {told} ORDER BY {self.subject}"


def _postgresql(connection: Connection, name: str, event: str, statement: str) -> None:
    connection.exec_driver_sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        f"BEGIN\n  PERFORM changes_begin();\n  {statement};\n  RETURN NULL;\nEND $$"
    )
    connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER {event} EXECUTE FUNCTION {name}()")
