"""Migrates a database to the schema of this code; a process that finds another schema does not start.

`python -m ml_training.db.migrate` is the one-shot command of a deployment; `ml-training migrate` is the same.
"""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from ml_training.db.engine import Database, open_database
from ml_training.domain.errors import Unavailable
from ml_training.settings import SettingsError, read_settings

ADVISORY_LOCK = 0x6D6C5F74  # one migration at a time, although several processes may start together


class SchemaError(Exception):
    """The database has another schema than this code; the message says which one and what to do."""


def migrate(database: Database) -> str:
    """Apply every migration that is missing, in one transaction; returns the revision reached."""
    config = _config()
    with database.change_schema() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head_revision()


def head_revision() -> str:
    """The revision that this code needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def check_schema(database: Database) -> None:
    """Raise SchemaError unless the database has exactly the schema of this code."""
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != head_revision():
        raise SchemaError(
            f"the database has schema {found or 'none'}, this code needs {head_revision()}: run `ml-training migrate`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def main() -> int:
    """Migrate the database of the settings; exit status 1 with one line on failure, 2 for a wrong command."""
    if sys.argv[1:]:
        sys.stderr.write("usage: python -m ml_training.db.migrate\n")
        return 2
    os.umask(0o077)  # an SQLite file is made here
    try:
        database = open_database(read_settings().database)
        sys.stdout.write(f"database at revision {migrate(database)}\n")
    except (SettingsError, Unavailable) as error:
        sys.stderr.write(f"{error} ({error.__cause__})\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
