"""The commands that save the whole service and bring it back: backup, restore."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_training.cli.machine import needs_server
from ml_training.cli.result_printer import AsJson, Failed, ResultPrinter, result_printer

if TYPE_CHECKING:
    from ml_training.db.engine import Database

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of the backup.")]


def backup(directory: Directory, as_json: AsJson = False) -> None:
    """Back up the database and the stored bytes while the service runs.

    Example: ml-training backup /backups/2026-07-01
    """
    with result_printer(as_json) as printer, needs_server(), service_database() as database:
        from ml_training.db.schema_version import check_schema
        from ml_training.maintenance.backup import back_up
        from ml_training.settings import read_settings
        from ml_training.storage.open_storage import open_storage

        check_schema(database, exactly=True)
        with bars(printer) as progress:
            manifest = back_up(database, open_storage(read_settings()), directory, progress=progress)
        rows = sum(entry.lines for entry in manifest.tables.values())
        found = {"directory": str(directory), "revision": manifest.revision, "rows": rows}
        printer.document({**found, "objects": manifest.objects.lines})
        printer.line(f"{directory} holds {rows:,} rows and the objects that {manifest.objects.lines:,} of them name")


def restore(
    directory: Directory,
    same_storage: Annotated[
        bool, typer.Option("--same-storage", help="The storage is the one of the backup; its database is lost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup onto an empty service, with SQLite or PostgreSQL.

    Example: ML_TRAINING_DATABASE_URL=postgresql://... ml-training restore /backups/2026-07-01
    """
    with result_printer(as_json) as printer, needs_server(), service_database() as database:
        from ml_training.maintenance.restore import restore as restore_backup
        from ml_training.settings import read_settings
        from ml_training.storage.open_storage import open_storage

        storage = open_storage(read_settings())
        with bars(printer) as progress:
            manifest = restore_backup(database, storage, directory, same_storage=same_storage, progress=progress)
        rows = sum(entry.lines for entry in manifest.tables.values())
        printer.document({"directory": str(directory), "rows": rows, "objects": manifest.objects.lines})
        printer.line(f"{rows:,} rows and their objects are restored: start the service")


@contextmanager
def bars(printer: ResultPrinter) -> Iterator[Callable[[str, int, int], None]]:
    """A moving bar for each stage; nothing with --json, or where nobody looks."""
    if printer.as_json or not printer.console.is_terminal:
        yield lambda stage, done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=printer.console) as progress:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield show


@contextmanager
def service_database() -> Iterator["Database"]:
    """The database of the settings; what the work on it refuses ends the command with its reason."""
    from ml_training.cli.doctor_checks import driver_message
    from ml_training.db.engine import open_database
    from ml_training.db.schema_version import SchemaError
    from ml_training.domain.errors import Unavailable
    from ml_training.logs import configure_logs
    from ml_training.maintenance.backup import BackupFailed
    from ml_training.maintenance.backup_files import BackupDamaged
    from ml_training.maintenance.hold import HoldLost
    from ml_training.maintenance.restore import RestoreRefused
    from ml_training.maintenance.storage_copy import CopyRefused
    from ml_training.process.private_files import write_privately
    from ml_training.settings import read_settings

    write_privately()  # a backup holds everything that the service knows
    configure_logs("console", "WARNING")
    database = open_database(read_settings().database, pool_size=2)
    try:
        yield database
    except Unavailable as error:
        raise Failed(f"{error} ({driver_message(error)})") from error
    except (SchemaError, BackupFailed, BackupDamaged, HoldLost, RestoreRefused, CopyRefused) as error:
        raise Failed(str(error)) from error
    finally:
        database.dispose()
