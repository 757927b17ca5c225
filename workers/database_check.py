"""What the worker and the maintenance do first: wait for a migration that runs, then look at the schema."""

import sys

from ml_training.db.engine import open_database
from ml_training.db.schema_version import SchemaError, check_schema
from ml_training.domain.errors import Unavailable
from ml_training.process.migration_lock import wait_for_migration
from ml_training.settings import Settings

NO_DATABASE = 2  # exit status


def require_database(settings: Settings) -> None:
    """Return when this code can use the database; else exit with one line that says why."""
    wait_for_migration(settings.data_dir)
    database = open_database(settings.database, pool_size=1)
    try:
        check_schema(database)
    except (SchemaError, Unavailable) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NO_DATABASE)
    finally:
        database.dispose()
