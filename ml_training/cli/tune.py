"""The command `ml-training tune`: a TUNE job from options."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from ml_training.cli.result_printer import AsJson, Json, result_printer
from ml_training.cli.service import (
    DATA_HELP,
    DryRun,
    Key,
    MaxRuntime,
    NoWait,
    PrintSpec,
    Priority,
    connect,
    find_dataset,
    given,
    print_dry_run,
    run_job,
)
from ml_training.cli.train import params_of, validation_of, value_of

LOG = "log:"


class Sampler(StrEnum):
    """How the values of the next trials are chosen."""

    TPE = "tpe"
    RANDOM = "random"
    GRID = "grid"


def tune(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    target: Annotated[str, typer.Option("--target", "-t", help="The column to predict.")],
    metric: Annotated[str, typer.Option(help="The score to improve, such as roc_auc or rmse.")],
    search: Annotated[
        list[str],
        typer.Option(
            "--search", "-s", help="NAME=LOW..HIGH, NAME=log:LOW..HIGH or NAME=VALUE,VALUE,...; may be repeated."
        ),
    ],
    model_type: Annotated[str, typer.Option(help="GET /model-types lists all.")] = "lightgbm",
    name: Annotated[str | None, typer.Option("--name", "-n", help="The model's name; default: the data set's.")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE, the same for all trials; may be repeated.")
    ] = None,
    sampler: Annotated[Sampler | None, typer.Option(case_sensitive=False, help="Default tpe.")] = None,
    trials: Annotated[int | None, typer.Option(help="Default 50; of a grid all points.")] = None,
    generation: Annotated[int | None, typer.Option(help="Trials that may run at the same time; default 4.")] = None,
    halving_rungs: Annotated[
        int | None, typer.Option(help="Compare trials so often, the first times after few rounds; default: once.")
    ] = None,
    halving_factor: Annotated[
        int | None, typer.Option(help="One in N trials continues, with N times the rounds; default 3.")
    ] = None,
    splits: Annotated[int | None, typer.Option(help="Score each trial by cross-validation over so many parts.")] = None,
    group_column: Annotated[str | None, typer.Option(help="Keep rows of one value together in the parts.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Not this column; may be repeated.")] = None,
    stop_seconds: Annotated[int | None, typer.Option(help="Begin no more trials after this time.")] = None,
    random_state: Annotated[int | None, typer.Option(help="The seed of the search; default 42.")] = None,
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="Begin with the trials of earlier studies of the same data.")
    ] = False,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Take the scores of equal trials, and an equal model.")
    ] = False,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Search the best parameters, and train a model with them; exit status 0 only if the job COMPLETED.

    Example: ml-training tune churn.csv --target left --metric roc_auc -s num_leaves=log:7..255 --trials 30
    """
    _tune(dict(locals()))


def _tune(options: Json) -> None:
    from ml_training.client.specs import tune_spec

    train = given(
        params=params_of(options["param"] or []) or None,
        exclude_features=options["exclude"] or None,
        validation=validation_of(None, splits=options["splits"], group_column=options["group_column"]),
        reuse=options["reuse"] or None,
    )
    stop = given(seconds=options["stop_seconds"])
    chosen = options["sampler"]
    same = ("trials", "generation", "random_state", "priority", "max_runtime_seconds")
    fields = given(
        sampler=None if chosen is None else chosen.value,
        stop=stop or None,
        halving=given(rungs=options["halving_rungs"], factor=options["halving_factor"]) or None,
        warm_start=options["warm_start"] or None,
        **{one: options[one] for one in same},
    )
    wait = not options["no_wait"]
    with result_printer(options["as_json"]) as printer, connect(waits=wait) as client:
        dataset = find_dataset(client, options["data"], printer, upload=not options["print_spec"])
        searched = search_of(options["search"])
        spec = tune_spec(
            dataset.id,
            target=options["target"],
            search=searched,
            metric=options["metric"],
            model_type=None if "/model_type" in searched else options["model_type"],
            name=options["name"] or dataset.name,
            train=train,
            **fields,
        )
        if options["print_spec"]:
            typer.echo(json.dumps(spec, indent=2, ensure_ascii=False))
        elif options["dry_run"]:
            print_dry_run(client, spec, printer)
        else:
            run_job(client, spec, printer, wait=wait, key=options["key"])


def search_of(given_options: list[str]) -> dict[str, Any]:
    """The search of options such as `num_leaves=7..255`; raises BadParameter.

    >>> search_of(["num_leaves=log:7..255", "boosting_type=gbdt,dart"])
    {'num_leaves': {'low': 7, 'high': 255, 'log': True}, 'boosting_type': {'choices': ['gbdt', 'dart']}}
    """
    found: dict[str, Any] = {}
    for option in given_options:
        name, equals, values = option.partition("=")
        if not equals or not name or not values:
            raise typer.BadParameter(f"--search {option}: give NAME=LOW..HIGH or NAME=VALUE,VALUE")
        if ".." not in values:
            found[name] = {"choices": [value_of(value) for value in values.split(",")]}
            continue
        low, _, high = values.removeprefix(LOG).partition("..")
        found[name] = {"low": value_of(low), "high": value_of(high)}
        if values.startswith(LOG):
            found[name]["log"] = True
    return found
