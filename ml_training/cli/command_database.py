"""The database of the settings for commands that work on it themselves, so that they need no running API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_training.cli.machine import needs_server
from ml_training.cli.result_printer import Failed

if TYPE_CHECKING:
    from ml_training.db.engine import Database


@contextmanager
def command_database() -> Iterator["Database"]:
    """The database with the schema of this version; what it refuses ends the command with its reasons."""
    with needs_server():
        from ml_training.cli.doctor_checks import driver_message
        from ml_training.db.engine import open_database
        from ml_training.db.schema_version import SchemaError, check_schema
        from ml_training.domain.errors import ServiceError, Unavailable
        from ml_training.logs import configure_logs
        from ml_training.settings import read_settings

        configure_logs(
            "console", "WARNING"
        )  # to stderr: what is printed is the answer, and may be a key for a variable
        database = open_database(read_settings().database, pool_size=1)
        try:
            check_schema(database)
            yield database
        except Unavailable as error:
            raise Failed(f"{error} ({driver_message(error)})") from error
        except SchemaError as error:
            raise Failed(str(error)) from error
        except ServiceError as error:
            reasons = [f"{item.pointer}: {item.detail}" for item in getattr(error, "errors", ())]
            raise Failed("; ".join([error.detail, *reasons])) from error
        finally:
            database.dispose()
