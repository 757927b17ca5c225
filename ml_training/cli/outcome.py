"""Prints what a job made: the scores of a model or test, a ranking, the rows of a prediction."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from ml_training.cli.result_printer import Json, ResultPrinter
from ml_training.client.display import cell_text, intervals_text, scores_text
from ml_training.client.errors import ApiError
from ml_training.client.progress import job_label
from ml_training.domain.states import JobStatus

if TYPE_CHECKING:
    from ml_training.client.client import Client


SHOWN_FEATURES = 10


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
        "study_id": ("/studies", print_study),
        "explanation_id": ("/explanations", print_explanation),
        "drift_report_id": ("/drift-reports", print_drift_report),
    }
    if name in printers:
        path, show = printers[name]
        with suppress(ApiError):  # it was deleted at once
            show(client.transport.get(f"{path}/{result_id}"), printer)
            if name == "prediction_id":
                printer.line(f"  file: {client.url}/api/v1{path}/{result_id}/download")


def print_study(study: Json, printer: ResultPrinter) -> None:
    """The best trial, what it tried, and what to do with its model."""
    score = study.get("best_score")
    reached = "undefined for every trial" if score is None else f"{score:.6g}"
    printer.line(
        f"  best      {study.get('metric')} {reached}, trial {study.get('best_trial')} of {study.get('trials')}"
    )
    printer.line(f"  model     {study.get('best_model_id')}: ml-training models show {study.get('best_model_id')}")
    printer.line(f"  stopped   by {study.get('stopped_by')}")
    shares = study.get("importances") or {}
    for name, value in (study.get("best_values") or {}).items():
        share = "" if shares.get(name) is None else f"  (importance {shares[name]:.0%})"
        printer.line(f"  {name} = {value}{share}")


def print_model(model: Json, printer: ResultPrinter) -> None:
    """Name and version, scores by part, and what to do with it."""
    scores, task = model.get("scores") or {}, model.get("task")
    printer.line(f"{model.get('name')} version {model.get('version')}, {model.get('model_type')}, {task}")
    for part in ("held_out", "train", "baseline"):
        if isinstance(scores.get(part), dict):
            printer.line(f"  {part.replace('_', '-'):<9} {scores_text(scores[part], task)}")
    intervals = ((model.get("details") or {}).get("score_intervals") or {}).get("held_out")
    if intervals:
        printer.line(f"  95 %      {intervals_text(intervals, task)} (held-out)")
    if model.get("aliases"):
        printer.line(f"  aliases   {', '.join(model['aliases'])}")


def print_test_result(result: Json, printer: ResultPrinter) -> None:
    """Scores, and whether rows were trained on."""
    seen = " (it was trained on some of them)" if result.get("overlap") else ""
    printer.line(
        f"model {result.get('model_id')} on {result.get('rows')} rows: {scores_text(result.get('scores') or {})}{seen}"
    )
    intervals = ((result.get("details") or {}).get("score_intervals") or {}).get("test")
    if intervals:
        printer.line(f"  95 % intervals: {intervals_text(intervals)}")
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


def print_explanation(explanation: Json, printer: ResultPrinter) -> None:
    """The most important features, and the slices where the model is worse."""
    metric = explanation.get("metric")
    features = (explanation.get("permutation_importance") or {}).get("features") or []
    shown = features[:SHOWN_FEATURES]
    rows = [[item["feature"], cell_text(item["value"]), cell_text(item["spread"])] for item in shown]
    where = f"model {explanation.get('model_id')} on {explanation.get('rows')} rows"
    printer.line(f"{where}: {_with_interval(explanation)}")
    printer.table(("feature", f"fall of {metric} when it is shuffled", "spread"), rows)
    for column in explanation.get("slices") or []:
        for value in column["values"]:
            if value.get("is_worse"):
                score = f"{metric} {cell_text(value['score'])} on {value['rows']} rows"
                printer.line(f"  worse where {column['column']} = {value['value']}: {score}")


def _with_interval(explanation: Json) -> str:
    metric = explanation.get("metric")
    interval = ((explanation.get("score_intervals") or {}).get("explained") or {}).get(metric)
    between = "" if interval is None else f" ({cell_text(interval[0])} to {cell_text(interval[1])})"
    return f"{metric} {cell_text((explanation.get('scores') or {}).get(metric))}{between}"


def print_drift_report(report: Json, printer: ResultPrinter) -> None:
    """Whether the rows have drifted, and which features most."""
    said = "drifted" if report.get("drifted") else "not drifted"
    facts = f"weighted PSI {cell_text(report.get('weighted_psi'))}, p {cell_text(report.get('p_value'))}"
    where = f"model {report.get('model_id')} on {report.get('rows')} rows"
    printer.line(f"{where}: {said} ({facts}, AUC {cell_text(report.get('auc'))})")
    names = ("feature", "weight", "psi", "p_value", "missing_share", "unseen_share")
    rows = [[cell_text(item[name]) for name in names] for item in (report.get("features") or [])[:SHOWN_FEATURES]]
    printer.table(names, rows)
