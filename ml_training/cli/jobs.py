"""The commands for jobs: submit, jobs, show, logs, watch, results."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ml_training.cli.result_printer import AsJson, Failed, Json, ResultPrinter, result_printer
from ml_training.cli.service import Beginning, DryRun, Limit, connect, print_dry_run, run_job, wait_for
from ml_training.domain.states import JobStatus

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
JobId = Annotated[int, typer.Argument(metavar="JOB", min=1, help="The id of a job.")]


class Order(StrEnum):
    """What comes first in a list."""

    NEWEST = "newest"
    OLDEST = "oldest"


def submit(
    spec: Annotated[str, typer.Argument(metavar="SPEC.json", help="A file with one job spec; - reads stdin.")],
    watch: Annotated[bool, typer.Option("--watch", help="Wait until the job has ended.")] = False,
    dry_run: DryRun = False,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="The same key never makes a second job.")] = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job from a spec in JSON; docs/jobs.md describes the fields.

    Example: ml-training train 1 --target left --print-spec | ml-training submit - --watch
    """
    with result_printer(as_json) as printer, connect(waits=watch) as client:
        if dry_run:
            print_dry_run(client, read_spec(spec), printer)
        else:
            run_job(client, read_spec(spec), printer, wait=watch, key=key)


def jobs(
    status: Annotated[JobStatus | None, typer.Option(case_sensitive=False, help="Only jobs in this state.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Only jobs of this type, such as TRAIN.")] = None,
    model_type: Annotated[str | None, typer.Option(help="Only jobs of this model type.")] = None,
    name: Annotated[str | None, typer.Option(help="Only trainings of the model with this name.")] = None,
    q: Beginning = None,
    dataset: Annotated[int | None, typer.Option(min=1, help="Only jobs on the data set with this id.")] = None,
    sort: Annotated[Order, typer.Option(case_sensitive=False, help="What comes first.")] = Order.NEWEST,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first.

    Example: ml-training jobs --status failed --limit 5
    """
    with result_printer(as_json) as printer, connect() as client:
        found = client.transport.list_items(
            "/jobs",
            limit=limit,
            status=status and status.value,
            job_type=job_type and job_type.upper(),
            model_type=model_type,
            q=q,
            name=name,
            dataset_id=dataset,
            sort=sort.value if sort is Order.OLDEST else None,
        )
        printer.items(list(found), COLUMNS)


def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show a job: its state, its error with what to do, its spec and its result.

    Example: ml-training show 7
    """
    with result_printer(as_json) as printer, connect() as client:
        job = client.transport.get(f"/jobs/{job_id}")
        printer.document(job)
        for line in job_lines(job):
            printer.line(line)


def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more lines until the job ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the log of a job.

    Example: ml-training logs 7 --follow
    """
    with result_printer(as_json) as printer, connect(waits=follow) as client:
        if follow:
            for event in client.jobs.get(job_id).events():
                if event.kind == "log":
                    _print_line(printer, event.data)
            return
        for line in client.transport.list_items(f"/jobs/{job_id}/logs", limit=1_000_000):
            _print_line(printer, line)


def watch(job_id: JobId, as_json: AsJson = False) -> None:
    """Show the progress of a job until it has ended; exit status 0 only if it COMPLETED.

    Example: ml-training watch 7
    """
    from ml_training.cli.outcome import print_outcome

    with result_printer(as_json) as printer, connect(waits=True) as client:
        ended = wait_for(client, client.transport.get(f"/jobs/{job_id}"), printer)
        print_outcome(client, ended, printer)


class ResultKind(StrEnum):
    """What `results` lists."""

    TESTS = "tests"
    COMPARISONS = "comparisons"
    PREDICTIONS = "predictions"
    STUDIES = "studies"
    EXPLANATIONS = "explanations"
    DRIFT = "drift"


def results(
    kind: Annotated[ResultKind, typer.Argument(case_sensitive=False, help="What to list.")] = ResultKind.TESTS,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the results of TEST, COMPARE, PREDICT, EXPLAIN, DRIFT or TUNE jobs, the newest first.

    Example: ml-training results comparisons
    """
    with result_printer(as_json) as printer, connect() as client:
        lists = {
            ResultKind.TESTS: client.test_results,
            ResultKind.COMPARISONS: client.comparisons,
            ResultKind.PREDICTIONS: client.predictions,
            ResultKind.STUDIES: client.studies,
            ResultKind.EXPLANATIONS: client.explanations,
            ResultKind.DRIFT: client.drift_reports,
        }
        found = lists[kind].list(limit=limit)  # type: ignore[attr-defined]
        if as_json:
            printer.document({"items": [dict(item.data) for item in found]})
        else:
            rows = [[getattr(item, name) for name in found.columns.values()] for item in found]
            printer.table(tuple(found.columns), rows)


def read_spec(source: str) -> Json:
    """The JSON of a file, or of stdin if `source` is -; raises Failed with the position of a syntax error."""
    if source != "-" and not Path(source).is_file():
        raise typer.BadParameter(f"there is no file {source!r}")
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    try:
        spec: Json = json.loads(text, parse_constant=_reject_constant)
    except ValueError as error:
        where = "stdin" if source == "-" else source
        empty = ": it is empty" if not text.strip() else f": {error}"
        raise Failed(f"{where} is not JSON{empty}") from None
    return spec


def job_lines(job: Json) -> list[str]:
    """A job for people."""
    from ml_training.client.progress import job_label

    made = {name: value for name, value in (job.get("result") or {}).items() if value is not None}
    error = job.get("error") or {}
    facts = {
        "status": f"{job['status']} {job.get('progress') or 0:.0%} {job.get('progress_message') or ''}".rstrip(),
        "attempt": job.get("attempt"),
        "memory": f"about {job['memory_bytes'] / 1e6:,.0f} MB" if job.get("memory_bytes") else None,
        "created": job.get("created_at"),
        "started": job.get("started_at"),
        "finished": job.get("finished_at"),
        "result": ", ".join(f"{name} {value}" for name, value in made.items()) or None,
        "error": f"{error['code']}: {error['message']}" if error else None,
        "what to do": error.get("hint"),
        "spec": json.dumps(job.get("spec"), ensure_ascii=False) if job.get("spec") else None,
    }
    lines = [f"  {name:<11}{value}" for name, value in facts.items() if value not in (None, "")]
    warnings = [f"  warning    {item.get('pointer')}: {item.get('detail')}" for item in job.get("warnings") or ()]
    return [job_label(job), *lines, *warnings]


def _print_line(printer: ResultPrinter, line: Json) -> None:
    printer.document(line)
    printer.line(f"{line['at'][:19].replace('T', ' ')}  {line['line']}")


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
