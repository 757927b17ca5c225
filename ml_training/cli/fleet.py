"""The commands `ml-training overview` and `ml-training workers`."""

from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Json, ResultPrinter, result_printer
from ml_training.cli.service import connect

COLUMNS = ("process", "slots", "free", "jobs", "other projects", "version", "state")
workers = typer.Typer(invoke_without_command=True)


def overview(as_json: AsJson = False) -> None:
    """Say what waits, runs and has ended, how many slots are busy, and how much is stored.

    Example: ml-training overview
    """
    with result_printer(as_json) as printer, connect() as client:
        found = client.overview()
        printer.document(found)
        for line in _lines(found):
            printer.line(line)


@workers.callback()
def list_or_drain(context: typer.Context, as_json: AsJson = False) -> None:
    """List the workers that are alive and what they run, or drain one.

    Example: ml-training workers
    """
    if context.invoked_subcommand is None:
        with result_printer(as_json) as printer, connect() as client:
            _print(printer, client.workers.list())


@workers.command("drain")
def drain(
    process: Annotated[str, typer.Argument(metavar="WORKER", help="Its name, as `workers` lists it.")],
    as_json: AsJson = False,
) -> None:
    """Let a worker hand its jobs back and take no other one until it is started again.

    Example: ml-training workers drain worker@node7-123
    """
    with result_printer(as_json) as printer, connect() as client:
        _print(printer, [client.workers.drain(process)])


def _print(printer: ResultPrinter, found: list[Json]) -> None:
    printer.document({"items": found})
    printer.table(
        COLUMNS,
        [
            [
                worker["process"],
                worker["slots"],
                worker["free_slots"],
                ", ".join(f"#{job['id']}" for job in worker["jobs"]),
                worker["other_jobs"],
                worker["version"],
                "drains" if worker["draining"] else worker["storage_trouble"] or "works",
            ]
            for worker in found
        ],
    )


def _lines(found: Json) -> list[str]:
    jobs, workers, storage = found["jobs"], found["workers"], found["storage"]
    ended = jobs["ended"]
    waits = jobs["oldest_pending_seconds"]
    facts = {
        "jobs": f"{jobs['running']} run, {jobs['pending']} wait",
        "oldest": None if waits is None else f"has waited for {waits:,.0f} s",
        "ended": f"{ended['completed']} completed, {ended['failed']} failed, {ended['cancelled']} cancelled "
        f"since {ended['since'][:16].replace('T', ' ')} UTC",
        "workers": f"{workers['count']} with {workers['slots']} slots, {workers['busy_slots']} of them busy"
        + (f"; {workers['draining']} drain" if workers["draining"] else ""),
        "stored": f"{storage['stored_bytes']:,} bytes"
        + ("" if storage["quota_bytes"] is None else f" of {storage['quota_bytes']:,}"),
        "disk": None if storage["free_bytes"] is None else f"{storage['free_bytes']:,} bytes are free",
    }
    return [f"{name:<9}{value}" for name, value in facts.items() if value is not None]
