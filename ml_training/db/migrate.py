"""Migrates a database to the schema of this code.

`python -m ml_training.db.migrate` is the one-shot command of a deployment; `ml-training migrate` is the same.
"""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ml_training.db.engine import Database, open_database
from ml_training.db.schema_tables import schema_compatibility
from ml_training.db.schema_version import SchemaError, head_revision, schema_version
from ml_training.domain.errors import Unavailable
from ml_training.settings import SettingsError, read_settings

ADVISORY_LOCK = 0x6D6C5F74  # one migration at a time, although several processes may start together


def migrate(database: Database) -> str:
    """Apply every migration that is missing, in one transaction; returns the revision reached.

    Raises SchemaError, and changes nothing, when the database has a newer schema than this code.
    """
    config = _config()
    with database.change_schema() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        found = schema_version(connection).revision
        if found is not None and found > head_revision():
            raise SchemaError(f"the database has the newer schema {found}: there are no migrations backwards")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _record_oldest_code(connection, oldest_code(config))
    return head_revision()


def oldest_code(config: Config) -> str:
    """The revision of the oldest code that runs on the newest schema: the highest that a migration names.

    A migration without `oldest_code` stops all code before it.
    """
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return max(str(getattr(script.module, "oldest_code", script.revision)) for script in scripts)


def _record_oldest_code(connection: Connection, revision: str) -> None:
    connection.execute(schema_compatibility.delete())
    connection.execute(schema_compatibility.insert().values(id=1, oldest_code=revision))


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
    except SchemaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
