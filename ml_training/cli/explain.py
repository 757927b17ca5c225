"""The commands that look at a model: explain, drift."""

from typing import Annotated

import typer

from ml_training.cli.make_jobs import Data, End, Model, Start, submit_or_print
from ml_training.cli.result_printer import AsJson, result_printer
from ml_training.cli.service import (
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
)


def explain(
    model: Model,
    data: Data,
    sample_rows: Annotated[int | None, typer.Option(min=1, help="At most so many rows; default 10,000.")] = None,
    metric: Annotated[str | None, typer.Option(help="The score that importances are about, such as f1.")] = None,
    start: Start = None,
    end: End = None,
    phase: Phases = None,
    random_state: Annotated[int | None, typer.Option(help="The seed of sample and shuffles; default 42.")] = None,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say what a model has learnt and where it is wrong, from rows that have a target.

    Example: ml-training explain churn@champion 2
    """
    from ml_training.client.specs import explain_spec

    more = given(
        sample_rows=sample_rows,
        metric=metric,
        start=start,
        end=end,
        phases=plain_phases(phase),
        random_state=random_state,
        priority=priority,
        max_runtime_seconds=max_runtime_seconds,
    )
    with result_printer(as_json) as printer, connect(waits=not no_wait) as client:
        dataset = find_dataset(client, data, printer, upload=not print_spec)
        spec = explain_spec(client.models.get(model_reference(model)).id, dataset.id, **more)
        submit_or_print(client, spec, printer, wait=not no_wait, print_spec=print_spec, key=key)


def drift(
    model: Model,
    data: Data,
    sample_rows: Annotated[int | None, typer.Option(min=1, help="Of each side at most so many rows.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The weighted PSI that is a drift; default 0.1.")] = None,
    start: Start = None,
    end: End = None,
    phase: Phases = None,
    random_state: Annotated[int | None, typer.Option(help="The seed of the permutations; default 42.")] = None,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say how far rows are from those that a model was trained on.

    Example: ml-training drift churn@champion 2 --start 2026-06-01T00:00:00Z
    """
    from ml_training.client.specs import drift_spec

    more = given(
        sample_rows=sample_rows,
        threshold=threshold,
        start=start,
        end=end,
        phases=plain_phases(phase),
        random_state=random_state,
        priority=priority,
        max_runtime_seconds=max_runtime_seconds,
    )
    with result_printer(as_json) as printer, connect(waits=not no_wait) as client:
        dataset = find_dataset(client, data, printer, upload=not print_spec)
        spec = drift_spec(client.models.get(model_reference(model)).id, dataset.id, **more)
        submit_or_print(client, spec, printer, wait=not no_wait, print_spec=print_spec, key=key)
