"""Migrates a database to the schema of this code.

`python -m ml_training.db.migrate` is the one-shot command of a deployment; `ml-training migrate` is the same.
"""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from ml_training.db.engine import Database, open_database
from ml_training.db.schema_version import head_revision
from ml_training.domain.errors import Unavailable
from ml_training.settings import SettingsError, read_settings

ADVISORY_LOCK = 0x6D6C5F74  # one migration at a time, although several processes may start together


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
