"""Which schema this code needs, and which one a database has; without Alembic, which only a migration needs.

An upgrade without a stop has three steps: a migration that only adds (expand), the exchange of the processes, and in a
later version a migration that removes what nobody uses any more (contract). So code runs on its own schema, and on a
newer one whose migrations say that they only add: `oldest_code` in a migration is the revision of the oldest code that
may run after it, and the database keeps the highest of them (`schema_compatibility`).
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from ml_training.db.engine import Database
from ml_training.db.schema_tables import schema_compatibility

VERSIONS = Path(__file__).parent / "migrations" / "versions"


class SchemaError(Exception):
    """The database has another schema than this code can use; the message says which one and what to do."""


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """The revision of a database, None when it was never migrated; and that of the oldest code that may run on it."""

    revision: str | None
    oldest_code: str | None = None


def head_revision() -> str:
    """The revision that this code needs: that of the newest migration, by the numbers of their files."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def schema_version(connection: Connection) -> SchemaVersion:
    """What the database says of itself."""
    tables = inspect(connection)
    if not tables.has_table("alembic_version"):
        return SchemaVersion(None)
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if not tables.has_table(schema_compatibility.name):
        return SchemaVersion(revision)
    return SchemaVersion(revision, connection.execute(select(schema_compatibility.c.oldest_code)).scalar())


def check_schema(database: Database, *, exactly: bool = False) -> None:
    """Raise SchemaError unless the database has the schema of this code, or a newer one that only adds to it.

    exactly: only the schema of this code, for what must know every table and column.
    """
    with database.read() as connection:
        found = schema_version(connection)
    head = head_revision()
    if found.revision == head:
        return
    if found.revision is None or found.revision < head:
        raise SchemaError(
            f"the database has schema {found.revision or 'none'}, this code needs {head}: run `ml-training migrate`"
        )
    if exactly:
        raise SchemaError(f"the database has the newer schema {found.revision}: use the version that migrated it")
    if found.oldest_code is None or found.oldest_code > head:
        raise SchemaError(
            f"the database has schema {found.revision}, on which code of schema {found.oldest_code or found.revision} "
            f"or newer runs, and this code has {head}: install the new version here too"
        )
