"""The service that a command calls, and what the commands that make jobs have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_training.cli.result_printer import Json, ResultPrinter
from ml_training.domain.file_formats import format_of_name

if TYPE_CHECKING:
    from ml_training.client.client import Client
    from ml_training.client.datasets import Dataset

SHORT_PATIENCE_SECONDS = 3.0  # a command that answers at once; those that wait for jobs have the client's patience

Limit = Annotated[int, typer.Option(min=1, help="The largest number of items to list.")]
Beginning = Annotated[str | None, typer.Option("--q", help="Only names that begin so, in any case; in their order.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only submit the job; do not wait for its result.")]
PrintSpec = Annotated[bool, typer.Option("--print-spec", help="Print the job spec as JSON and submit nothing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check the job and say what it would be.")]
Key = Annotated[str | None, typer.Option("--idempotency-key", help="The same key never makes a second job.")]
Phases = Annotated[list[str] | None, typer.Option("--phase", help="Only rows of this phase; may be repeated.")]
Priority = Annotated[int | None, typer.Option(min=1, max=10, help="1 is first, 10 last; default 5.")]
MaxRuntime = Annotated[int | None, typer.Option(min=1, help="End the job after this number of seconds.")]
DATA_HELP = "A data set: its id, a name for its newest version, or a file, which is uploaded."


def connect(*, waits: bool = False) -> "Client":
    """A client of the service; with `waits`, one that survives a restart of the service."""
    from ml_training.client.client import Client

    return Client() if waits else Client(retry_seconds=SHORT_PATIENCE_SECONDS)


def find_dataset(client: "Client", data: str, printer: ResultPrinter, *, upload: bool = True) -> "Dataset":
    """The data set that an argument names; a file is uploaded first, unless `upload` forbids it."""
    if data.isdecimal():
        return client.datasets.get(int(data))
    if Path(data).is_file():
        if not upload:
            raise typer.BadParameter(f"{data} is a file: upload it first (ml-training datasets add), or give an id")
        dataset = client.datasets.upload(data, progress=False if printer.as_json else None)
        printer.line(f"{dataset.label} is READY: {dataset.rows} rows, {dataset.columns} columns")
        return dataset
    if "/" in data or format_of_name(data) is not None:
        raise typer.BadParameter(f"there is no file {data!r}")
    return client.datasets.get(data)


def model_reference(text: str) -> int | str:
    """An id, `name@alias`, or a name for its newest version."""
    return int(text) if text.isdecimal() else text


def plain_phases(phases: list[str] | None) -> list[int | str] | None:
    """Phases that are whole numbers as numbers, others as text."""
    if not phases:
        return None
    return [int(phase) if phase.lstrip("-").isdecimal() else phase for phase in phases]


def run_job(client: "Client", spec: Json, printer: ResultPrinter, *, wait: bool, key: str | None) -> None:
    """Submit a spec, show its progress and print its result; exit status 1 unless it COMPLETED."""
    from ml_training.cli.outcome import print_outcome

    job = client.jobs.submit(spec, idempotency_key=key)
    for warning in job.data.get("warnings") or ():
        printer.line(f"warning: {warning.get('pointer')}: {warning.get('detail')}")
    if not wait:
        printer.document(dict(job.data))
        printer.line(f"{job.label} is {job.status}: ml-training watch {job.id}")
        return
    ended = wait_for(client, dict(job.data), printer)
    print_outcome(client, ended, printer)


def print_dry_run(client: "Client", spec: Json, printer: ResultPrinter) -> None:
    """What a job of this spec would be, with its warnings; nothing is stored."""
    found = client.jobs.dry_run(spec)
    printer.document(found)
    for warning in found["warnings"]:
        printer.line(f"warning: {warning['pointer']}: {warning['detail']}")
    shown = {name: found[name] for name in ("rows", "folds", "features", "classes")} | found["estimate"]
    known = [f"{name} {value:,.10g}" for name, value in shown.items() if value is not None]
    printer.line(f"would be accepted: {', '.join(known)}")


def wait_for(client: "Client", job: Json, printer: ResultPrinter) -> Json:
    """Show the progress of a job until it has ended."""
    from ml_training.client.waiting import wait_for_jobs

    with printer.command_output().progress_bars() as bars:
        [ended] = wait_for_jobs(client.transport, [job], bars=bars)
    return ended


def given(**values: Any) -> Json:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
