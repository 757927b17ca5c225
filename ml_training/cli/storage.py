"""The commands for the storage of a service: show it, copy it to another place, and switch to that."""

from typing import TYPE_CHECKING, Annotated

import typer

from ml_training.cli.back_up import bars, service_database
from ml_training.cli.machine import needs_server
from ml_training.cli.result_printer import AsJson, result_printer

if TYPE_CHECKING:
    from ml_training.settings import Settings
    from ml_training.storage.base import Storage

storage = typer.Typer(invoke_without_command=True)


@storage.callback()
def show_or_copy(context: typer.Context, as_json: AsJson = False) -> None:
    """Show where the stored bytes are, or move them to another directory or bucket.

    Example: ml-training storage
    """
    if context.invoked_subcommand is None:
        _show(as_json)


def _show(as_json: bool) -> None:
    with result_printer(as_json) as printer, needs_server():
        from ml_training.settings import read_settings
        from ml_training.storage.open_storage import open_storage

        found = open_storage(read_settings())
        identity = found.identity()
        printer.document({"place": found.place, "identity": identity})
        printer.line(f"{found.place}: {'nothing is stored yet' if identity is None else f'storage {identity}'}")


@storage.command("copy")
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The storage of now: a directory or s3://….")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The storage to come: a directory or s3://….")],
    switch: Annotated[
        bool, typer.Option("--switch", help="Make TO the storage of the service, which must be stopped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy what the service needs from one storage to another while it runs; then switch to it.

    Example: ml-training storage copy var/storage s3://models/prod
    """
    with result_printer(as_json) as printer, needs_server(), service_database() as database:
        from ml_training.db.schema_version import check_schema
        from ml_training.maintenance.storage_copy import copy_storage
        from ml_training.settings import read_settings

        settings = read_settings()
        check_schema(database)
        with bars(printer) as progress:
            report = copy_storage(
                database,
                open_storage_at(settings, source),
                open_storage_at(settings, target),
                switch=switch,
                alive_seconds=settings.heartbeat_dead_seconds,
                progress=progress,
            )
        printer.document({"copied": report.copied, "copied_bytes": report.copied_bytes, "switched_to": report.identity})
        printer.line(
            f"{report.copied:,} objects copied ({report.copied_bytes:,} bytes); {target} has all that rows name"
        )
        if switch:
            printer.line(f"The service belongs to {target} now: {_how_to_use(target)}, and start the service")
        else:
            printer.line(f"To switch: stop the service, then `ml-training storage copy {source} {target} --switch`")


def _how_to_use(target: str) -> str:
    if target.startswith("s3://"):
        return f"set ML_TRAINING_STORAGE_URL={target} for every process"
    return f"set ML_TRAINING_DATA_DIR so that its directory `storage` is {target}, for every process"


def open_storage_at(settings: "Settings", address: str) -> "Storage":
    """The storage at a directory or URL, with the credentials of the settings."""
    from pathlib import Path

    from ml_training.domain.variables import SettingsError
    from ml_training.storage.local import LocalStorage
    from ml_training.storage.open_storage import open_storage

    if "://" not in address:
        return LocalStorage(Path(address))
    if "storage_url" not in type(settings).model_fields:
        raise SettingsError(f"{address}: this version stores in directories only")
    return open_storage(settings.model_copy(update={"storage_url": address}))
