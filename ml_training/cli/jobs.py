"""The verbs about jobs: submit, jobs, watch, cancel."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ml_training.cli.result_printer import AsJson, Failed, Output, answering, connect
from ml_training.domain.states import JobStatus
from ml_training.local.api_client import Client
from ml_training.local.watch_jobs import follow, label_of

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
    watch: Annotated[bool, typer.Option("--watch", help="Stay until the job ended.")] = False,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="The same key never makes a second job.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job."""
    with answering(as_json) as output, connect() as client:
        body = read_spec(spec)
        job = client.post("/jobs", body, headers={"Idempotency-Key": key} if key else None)
        if watch:
            _watch(client, job, output)
            return
        output.document(job)
        output.line(f"{label_of(job)} is {job['status']}: ml-training watch {job['id']}")


def jobs(
    status: Annotated[JobStatus | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    with answering(as_json) as output, connect() as client:
        output.items(list(client.items("/jobs", limit=limit, status=status and status.value)), COLUMNS)


def watch(job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job's progress until it ended; exit status 0 only if it COMPLETED."""
    with answering(as_json) as output, connect() as client:
        _watch(client, client.get(f"/jobs/{job_id}"), output)


def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Ask a job to stop; it is CANCELLED within seconds."""
    with answering(as_json) as output, connect() as client:
        job = client.post(f"/jobs/{job_id}/cancel")
        output.document(job)
        asked = "" if JobStatus(job["status"]).is_terminal else ", and was asked to stop"
        output.line(f"{label_of(job)} is {job['status']}{asked}")


def read_spec(source: str) -> object:
    """The JSON of a file or of stdin; raises Failed with the place of a mistake."""
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        return json.loads(text, parse_constant=_not_json)
    except ValueError as error:
        raise Failed(f"{source} is not JSON: {error}") from None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _watch(client: Client, job: Json, output: Output) -> None:
    with output.reporter().bars() as bars:
        (ended,) = follow(client, [job], bars=bars)
    output.document(ended)
    if ended["status"] != JobStatus.COMPLETED:
        raise typer.Exit(1)
    results = [
        f"{name.removesuffix('_id').replace('_', ' ')} {value}" for name, value in ended["result"].items() if value
    ]
    output.line(f"{label_of(ended)} made {', '.join(results) or 'nothing new'}")
