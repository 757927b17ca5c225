"""The commands that use models: test, compare, predict."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_training.cli.result_printer import AsJson, Json, ResultPrinter, result_printer
from ml_training.cli.service import (
    DATA_HELP,
    Key,
    MaxRuntime,
    NoWait,
    Phases,
    PrintSpec,
    Priority,
    connect,
    find_dataset,
    given,
    model_reference,
    plain_phases,
    run_job,
    wait_for,
)

if TYPE_CHECKING:
    from ml_training.client.client import Client

Start = Annotated[str | None, typer.Option("--start", help="Only rows from this time on, RFC 3339.")]
End = Annotated[str | None, typer.Option("--end", help="Only rows before this time, RFC 3339.")]
MODEL_HELP = "A model: its id, name@alias, or a name for its newest version."
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Data = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)]


class FileFormat(StrEnum):
    """The formats of a prediction's file."""

    PARQUET = "parquet"
    CSV = "csv"


def evaluate(
    model: Model,
    data: Data,
    start: Start = None,
    end: End = None,
    phase: Phases = None,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on a data set and print its scores.

    Example: ml-training test churn@champion 2
    """
    from ml_training.client.specs import evaluation_spec

    more = given(
        test_start=start,
        test_end=end,
        phases=plain_phases(phase),
        priority=priority,
        max_runtime_seconds=max_runtime_seconds,
    )
    with result_printer(as_json) as printer, connect(waits=not no_wait) as client:
        dataset = find_dataset(client, data, printer, upload=not print_spec)
        spec = evaluation_spec(client.models.get(model_reference(model)).id, dataset.id, **more)
        submit_or_print(client, spec, printer, wait=not no_wait, print_spec=print_spec, key=key)


def compare(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...", help=MODEL_HELP)],
    data: Annotated[str, typer.Option("--data", "-d", help=DATA_HELP)],
    metric: Annotated[str, typer.Option(help="The score that ranks, such as f1 or rmse.")] = "accuracy",
    start: Start = None,
    end: End = None,
    phase: Phases = None,
    random_state: Annotated[int | None, typer.Option(help="The seed of the bootstrap; default 42.")] = None,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Rank 2 to 20 models on the same rows.

    Example: ml-training compare 7 8 churn@champion --data 2 --metric roc_auc
    """
    from ml_training.client.specs import compare_spec

    more = given(
        test_start=start,
        test_end=end,
        phases=plain_phases(phase),
        random_state=random_state,
        priority=priority,
        max_runtime_seconds=max_runtime_seconds,
    )
    with result_printer(as_json) as printer, connect(waits=not no_wait) as client:
        ids = [client.models.get(model_reference(model)).id for model in models]
        dataset = find_dataset(client, data, printer, upload=not print_spec)
        spec = compare_spec(ids, dataset.id, metric=metric, **more)
        submit_or_print(client, spec, printer, wait=not no_wait, print_spec=print_spec, key=key)


def predict(
    model: Model,
    data: Data,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the predictions to this file.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Also write this column; may be repeated.")] = None,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", case_sensitive=False, help="Default: that of --output, or parquet.")
    ] = None,
    contributions: Annotated[bool, typer.Option("--contributions", help="Also write what each feature adds.")] = False,
    interval: Annotated[
        float | None, typer.Option(help="Also write low and high, or the set of classes, with this confidence.")
    ] = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="Take the file of an equal job, if there is one.")] = False,
    start: Start = None,
    end: End = None,
    phase: Phases = None,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Predict the rows of a data set.

    Example: ml-training predict churn@champion new_customers.csv --keep customer_id -o predictions.csv
    """
    from ml_training.client.specs import predict_spec

    if output is not None and no_wait:
        raise typer.BadParameter("--output waits for the predictions: leave out --no-wait")
    more = given(
        start=start,
        end=end,
        phases=plain_phases(phase),
        keep=keep or None,
        contributions=contributions or None,
        interval=interval,
        reuse=reuse or None,
        format=_format_of(file_format, output),
        priority=priority,
        max_runtime_seconds=max_runtime_seconds,
    )
    with result_printer(as_json) as printer, connect(waits=not no_wait) as client:
        dataset = find_dataset(client, data, printer, upload=not print_spec)
        spec = predict_spec(model_reference(model), dataset_id=dataset.id, **more)
        if output is None or print_spec:
            submit_or_print(client, spec, printer, wait=not no_wait, print_spec=print_spec, key=key)
        else:
            _predict_to_file(client, spec, printer, output, key=key)


def _format_of(chosen: FileFormat | None, output: Path | None) -> str | None:
    if chosen is not None or output is None:
        return chosen and chosen.value
    return FileFormat.CSV.value if output.suffix.lower() == ".csv" else None


def _predict_to_file(client: "Client", spec: Json, printer: ResultPrinter, output: Path, *, key: str | None) -> None:
    from ml_training.cli.outcome import print_outcome

    ended = wait_for(client, dict(client.jobs.submit(spec, idempotency_key=key).data), printer)
    print_outcome(client, ended, printer)
    path = client.predictions.get(ended["result"]["prediction_id"]).download(output)
    printer.line(f"written to {path}")


def submit_or_print(
    client: "Client", spec: Json, printer: ResultPrinter, *, wait: bool, print_spec: bool, key: str | None
) -> None:
    """Run a job of the spec, or only print the spec."""
    if print_spec:
        typer.echo(json.dumps(spec, indent=2, ensure_ascii=False))
    else:
        run_job(client, spec, printer, wait=wait, key=key)
