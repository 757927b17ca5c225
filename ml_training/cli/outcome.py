"""Prints what a job made: the scores of a model or test, a ranking, the rows of a prediction."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from ml_training.cli.result_printer import Json, ResultPrinter
from ml_training.client.display import cell_text, scores_text
from ml_training.client.errors import ApiError
from ml_training.client.progress import job_label
from ml_training.domain.states import JobStatus

if TYPE_CHECKING:
    from ml_training.client.client import Client


def print_outcome(client: "Client", job: Json, printer: ResultPrinter) -> None:
    """Print an ended job and its result; exit status 1 unless it COMPLETED."""
    printer.document(job)
    if job["status"] != JobStatus.COMPLETED:
        raise typer.Exit(1)
    if printer.as_json:
        return
    result = {name: value for name, value in (job.get("result") or {}).items() if value is not None}
    if not result:
        printer.line(f"{job_label(job)} made nothing new")
    for name, result_id in result.items():
        noun = name.removesuffix("_id").replace("_", " ")
        printer.line(f"{job_label(job)} made {noun} {result_id}")
        _print_result(client, name, result_id, printer)


def _print_result(client: "Client", name: str, result_id: int, printer: ResultPrinter) -> None:
    printers = {
        "model_id": ("/models", print_model),
        "test_result_id": ("/test-results", print_test_result),
        "comparison_id": ("/comparisons", print_comparison),
        "prediction_id": ("/predictions", print_prediction),
    }
    if name in printers:
        path, show = printers[name]
        with suppress(ApiError):  # it was deleted at once
            show(client.transport.get(f"{path}/{result_id}"), printer)
            if name == "prediction_id":
                printer.line(f"  file: {client.url}/api/v1{path}/{result_id}/download")


def print_model(model: Json, printer: ResultPrinter) -> None:
    """Name and version, scores by part, and what to do with it."""
    scores, task = model.get("scores") or {}, model.get("task")
    printer.line(f"{model.get('name')} version {model.get('version')}, {model.get('model_type')}, {task}")
    for part in ("held_out", "train", "baseline"):
        if isinstance(scores.get(part), dict):
            printer.line(f"  {part.replace('_', '-'):<9} {scores_text(scores[part], task)}")
    if model.get("aliases"):
        printer.line(f"  aliases   {', '.join(model['aliases'])}")


def print_test_result(result: Json, printer: ResultPrinter) -> None:
    """Scores, and whether rows were trained on."""
    seen = " (it was trained on some of them)" if result.get("overlap") else ""
    printer.line(
        f"model {result.get('model_id')} on {result.get('rows')} rows: {scores_text(result.get('scores') or {})}{seen}"
    )
    if result.get("overfitted"):
        printer.line("  it is overfitted: the training score is higher by more than 0.1")


def print_comparison(comparison: Json, printer: ResultPrinter) -> None:
    """The ranking, the winner, and whether the difference is more than chance."""
    metric = comparison.get("metric", "")
    rows: list[list[Any]] = [
        [number, entry.get("model_id"), cell_text((entry.get("scores") or entry).get(metric))]
        for number, entry in enumerate(comparison.get("ranking") or [], start=1)
    ]
    printer.table(("rank", "model", metric), rows)
    winner = comparison.get("winner_model_id")
    significant = (comparison.get("significance") or {}).get("significant")
    note = ", and the difference is significant" if significant else ", but the difference may be chance"
    printer.line("a tie" if winner is None else f"model {winner} wins{'' if significant is None else note}")


def print_prediction(prediction: Json, printer: ResultPrinter) -> None:
    """How many rows, and what was unknown or missing in them."""
    printer.line(f"{prediction['rows']:,} rows predicted by model {prediction['model_id']}")
    for name, what in (("unseen_categories", "unknown categories"), ("missing", "missing values")):
        counts = {column: number for column, number in (prediction.get(name) or {}).items() if number}
        if counts:
            printer.line(f"  {what}: {', '.join(f'{column} {number}' for column, number in counts.items())}")
