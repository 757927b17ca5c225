"""The commands for this machine: up, down, migrate, doctor.

Each function imports what it needs: the other commands start without the second that a database library costs, and
work where only the client is installed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, result_printer

SERVER_HINT = 'this command needs the server: pip install "ml-training-service[local]"'


def up(
    sample: Annotated[bool, typer.Option("--sample", help="Train on sample data if the database is empty.")] = False,
    exit_after: Annotated[bool, typer.Option("--exit", help="Stop the service afterwards.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it is ready; `down` stops it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the whole service on this machine and keep it running until Ctrl-C.

    Example: ml-training up --detach
    """
    if detach and (sample or exit_after):
        raise typer.BadParameter("--detach goes with neither --sample nor --exit")
    with result_printer(as_json) as printer, needs_server():
        from ml_training.local.detached import StartFailed, start_detached
        from ml_training.local.redis_server import RedisError
        from ml_training.local.run_file import AlreadyRunning
        from ml_training.local.run_stack import run_stack
        from ml_training.local.stack import StackError
        from ml_training.process.private_files import keep_private
        from ml_training.settings import read_settings

        output = printer.command_output()
        keep_private(read_settings().data_dir)
        try:
            if detach:
                complete = start_detached(read_settings(), output=output)
            else:
                complete = run_stack(read_settings(), output=output, sample=sample, exit_after=exit_after)
        except (StackError, RedisError, AlreadyRunning, StartFailed) as error:
            raise Failed(str(error)) from error
        if not complete:
            raise typer.Exit(1)


def down(as_json: AsJson = False) -> None:
    """Stop the service that runs in the data directory; running jobs continue with its next start.

    Example: ml-training down
    """
    with result_printer(as_json) as printer, needs_server():
        from ml_training.local.detached import StopFailed, stop_stack
        from ml_training.settings import read_settings

        settings = read_settings()
        try:
            stopped = stop_stack(settings)
        except StopFailed as error:
            raise Failed(str(error)) from error
        printer.document({"stopped": stopped})
        printer.line("Everything is stopped" if stopped else f"No stack runs in {settings.data_dir}")


def migrate(as_json: AsJson = False) -> None:
    """Migrate the database to the schema of this version.

    Example: ML_TRAINING_DATABASE_URL=postgresql://... ml-training migrate
    """
    with result_printer(as_json) as printer, needs_server():
        from ml_training.cli.doctor_checks import driver_message
        from ml_training.db.engine import open_database
        from ml_training.db.migrate import migrate as migrate_database
        from ml_training.db.schema_version import SchemaError
        from ml_training.domain.errors import Unavailable
        from ml_training.process.private_files import write_privately
        from ml_training.settings import read_settings

        write_privately()
        database = open_database(read_settings().database, pool_size=1)
        try:
            revision = migrate_database(database)
        except Unavailable as error:
            raise Failed(f"{error} ({driver_message(error)})") from error
        except SchemaError as error:
            raise Failed(str(error)) from error
        finally:
            database.dispose()
        printer.document({"revision": revision})
        printer.line(f"the database is at revision {revision}")


def doctor(as_json: AsJson = False) -> None:
    """Check every part and say how to fix it; changes nothing. Exit status 1 if any part fails.

    Example: ml-training doctor
    """
    with result_printer(as_json) as printer, needs_server():
        from ml_training.cli.doctor import run_checks, summary

        checks = run_checks()
        printer.document({"ok": all(check.ok for check in checks), "checks": [check.as_json() for check in checks]})
        for line in [*(check.line() for check in checks), "", *summary(checks)]:
            printer.line(line)
        if not all(check.ok for check in checks):
            raise typer.Exit(1)


@contextmanager
def needs_server() -> Iterator[None]:
    """A block that imports parts of the server; raises Failed with the remedy where only the client is installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise Failed(f"{SERVER_HINT} ({error})") from error
