"""The commands for jobs: submit, jobs, watch, cancel."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ml_training.cli.result_printer import AsJson, Failed, ResultPrinter, connect_to_api, result_printer
from ml_training.domain.states import JobStatus
from ml_training.local.api_client import ApiClient
from ml_training.local.watch_jobs import job_label, watch_jobs

Json = dict[str, Any]
COLUMNS = {
    "id": "id",
    "type": "job_type",
    "model type": "model_type",
    "status": "status",
    "progress": "progress",
    "attempt": "attempt",
    "created (UTC)": "created_at",
    "message": "progress_message",
}
JobId = Annotated[int, typer.Argument(metavar="ID", min=1)]


def submit(
    spec: Annotated[str, typer.Argument(metavar="SPEC.json", help="A file with one job spec; - reads stdin.")],
    watch: Annotated[bool, typer.Option("--watch", help="Wait until the job has ended.")] = False,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="The same key never makes a second job.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job."""
    with result_printer(as_json) as printer, connect_to_api() as client:
        body = read_spec(spec)
        job = client.post("/jobs", body, headers={"Idempotency-Key": key} if key else None)
        if watch:
            _watch(client, job, printer)
            return
        printer.document(job)
        printer.line(f"{job_label(job)} is {job['status']}: ml-training watch {job['id']}")


def jobs(
    status: Annotated[JobStatus | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The largest number of items to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    with result_printer(as_json) as printer, connect_to_api() as client:
        printer.items(list(client.list_items("/jobs", limit=limit, status=status and status.value)), COLUMNS)


def watch(job_id: JobId, as_json: AsJson = False) -> None:
    """Show the progress of a job until it has ended; exit status 0 only if it COMPLETED."""
    with result_printer(as_json) as printer, connect_to_api() as client:
        _watch(client, client.get(f"/jobs/{job_id}"), printer)


def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Ask a job to stop; it is CANCELLED within seconds."""
    with result_printer(as_json) as printer, connect_to_api() as client:
        job = client.post(f"/jobs/{job_id}/cancel")
        printer.document(job)
        asked = "" if JobStatus(job["status"]).is_terminal else ", and was asked to stop"
        printer.line(f"{job_label(job)} is {job['status']}{asked}")


def read_spec(source: str) -> object:
    """The JSON of a file, or of stdin if `source` is -; raises Failed with the position of a syntax error."""
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except ValueError as error:
        raise Failed(f"{source} is not JSON: {error}") from None


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _watch(client: ApiClient, job: Json, printer: ResultPrinter) -> None:
    with printer.command_output().progress_bars() as bars:
        (ended,) = watch_jobs(client, [job], bars=bars)
    printer.document(ended)
    if ended["status"] != JobStatus.COMPLETED:
        raise typer.Exit(1)
    results = [
        f"{name.removesuffix('_id').replace('_', ' ')} {value}" for name, value in ended["result"].items() if value
    ]
    printer.line(f"{job_label(ended)} made {', '.join(results) or 'nothing new'}")
    if (prediction_id := ended["result"].get("prediction_id")) and not printer.as_json:
        rows = client.get(f"/predictions/{prediction_id}")["rows"]
        printer.line(f"{rows:,} rows: {client.url}/api/v1/predictions/{prediction_id}/download")
