"""Which schema this code needs, and which one a database has; without Alembic, which only a migration needs."""

from pathlib import Path

from sqlalchemy import inspect, text

from ml_training.db.engine import Database

VERSIONS = Path(__file__).parent / "migrations" / "versions"


class SchemaError(Exception):
    """The database has another schema than this code; the message says which one and what to do."""


def head_revision() -> str:
    """The revision that this code needs: that of the newest migration, by the numbers of their files."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def check_schema(database: Database) -> None:
    """Raise SchemaError unless the database has exactly the schema of this code."""
    with database.read() as connection:
        is_migrated = inspect(connection).has_table("alembic_version")
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if is_migrated else None
    if found != head_revision():
        raise SchemaError(
            f"the database has schema {found or 'none'}, this code needs {head_revision()}: run `ml-training migrate`"
        )
