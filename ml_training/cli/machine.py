"""The commands for this machine: up, migrate, doctor.

Each function imports what it needs, so that the other commands start without the second that a database library costs.
"""

from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, result_printer
from ml_training.settings import read_settings


def up(
    sample: Annotated[bool, typer.Option("--sample", help="Train on sample data if the database is empty.")] = False,
    exit_after: Annotated[bool, typer.Option("--exit", help="Stop the service afterwards.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the whole service on this machine and keep it running until Ctrl-C."""
    from ml_training.local.redis_server import RedisError
    from ml_training.local.run_file import AlreadyRunning
    from ml_training.local.run_stack import run_stack
    from ml_training.local.stack import StackError

    with result_printer(as_json) as printer:
        try:
            complete = run_stack(read_settings(), output=printer.command_output(), sample=sample, exit_after=exit_after)
        except (StackError, RedisError, AlreadyRunning) as error:
            raise Failed(str(error)) from error
        if not complete:
            raise typer.Exit(1)


def migrate(as_json: AsJson = False) -> None:
    """Migrate the database to the schema of this version."""
    from ml_training.cli.doctor_checks import driver_message
    from ml_training.db.engine import open_database
    from ml_training.db.migrate import migrate as migrate_database
    from ml_training.domain.errors import Unavailable

    with result_printer(as_json) as printer:
        database = open_database(read_settings().database, pool_size=1)
        try:
            revision = migrate_database(database)
        except Unavailable as error:
            raise Failed(f"{error} ({driver_message(error)})") from error
        finally:
            database.dispose()
        printer.document({"revision": revision})
        printer.line(f"the database is at revision {revision}")


def doctor(as_json: AsJson = False) -> None:
    """Check every part and say how to fix it; changes nothing. Exit status 1 if any part fails."""
    from ml_training.cli.doctor import run_checks, summary

    with result_printer(as_json) as printer:
        checks = run_checks()
        printer.document({"ok": all(check.ok for check in checks), "checks": [check.as_json() for check in checks]})
        for line in [*(check.line() for check in checks), "", *summary(checks)]:
            printer.line(line)
        if not all(check.ok for check in checks):
            raise typer.Exit(1)
