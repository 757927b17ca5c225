"""The command `ml-training train`: a TRAIN job from options."""

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
    Phases,
    PrintSpec,
    Priority,
    connect,
    find_dataset,
    given,
    plain_phases,
    print_dry_run,
    run_job,
)

RULE, HORIZON = ("operator", "value"), ("horizon", "min_percent_change", "direction")
AS_THEY_ARE = (
    "task",
    "train_start",
    "train_end",
    "class_balance",
    "calibration",
    "early_stopping_rounds",
    "random_state",
    "priority",
    "max_runtime_seconds",
)
OF_VALIDATION = ("test_size", "splits", "purge", "embargo", "group_column")
TARGET, DATA, ROWS, MORE = "Target", "Features", "Rows", "Training"


class Task(StrEnum):
    """What a model predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Method(StrEnum):
    """How rows are held out."""

    HOLDOUT = "holdout"
    TIME_SERIES = "time_series"
    CROSS_VALIDATION = "cross_validation"
    GROUP_HOLDOUT = "group_holdout"
    GROUP_K_FOLD = "group_k_fold"


class Balance(StrEnum):
    """How classes of different sizes are weighed."""

    NONE = "none"
    WEIGHTS = "weights"
    SMOTE = "smote"


class Calibration(StrEnum):
    """How the probabilities of classes are calibrated."""

    NONE = "none"
    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


class Direction(StrEnum):
    """Which way a column moves."""

    UP = "up"
    DOWN = "down"


def _option(help_text: str, panel: str | None = None, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, show_default=False, **more)


def train(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    target: Annotated[str, _option("The column to predict.", TARGET, "--target", "-t")],
    model_type: Annotated[str, _option("Default lightgbm; GET /model-types lists all.", MORE)] = "lightgbm",
    name: Annotated[str | None, _option("The model's name; by default the data set's.", None, "--name", "-n")] = None,
    param: Annotated[list[str] | None, _option("NAME=VALUE of the model type.", MORE, "--param", "-p")] = None,
    task: Annotated[Task | None, _option("By default the target decides.", TARGET, case_sensitive=False)] = None,
    operator: Annotated[str | None, _option("With --value: is the target > >= < <= or = it?", TARGET)] = None,
    value: Annotated[str | None, _option("With --operator: what the target is compared with.", TARGET)] = None,
    horizon: Annotated[str | None, _option("Does the target move within this time, such as 5m?", TARGET)] = None,
    min_percent_change: Annotated[float | None, _option("With --horizon: by at least this per cent.", TARGET)] = None,
    direction: Annotated[Direction | None, _option("With --horizon: up or down.", TARGET, case_sensitive=False)] = None,
    feature: Annotated[list[str] | None, _option("Only these columns; may be repeated.", DATA)] = None,
    exclude: Annotated[list[str] | None, _option("Not this column; may be repeated.", DATA)] = None,
    window: Annotated[list[int] | None, _option("Rolling features over this number of rows.", DATA)] = None,
    phase: Phases = None,
    train_start: Annotated[str | None, _option("Only rows from this time on, RFC 3339.", ROWS)] = None,
    train_end: Annotated[str | None, _option("Only rows before this time, RFC 3339.", ROWS)] = None,
    validation: Annotated[Method | None, _option("Default holdout.", ROWS, case_sensitive=False)] = None,
    test_size: Annotated[float | None, _option("The share of rows to hold out; default 0.2.", ROWS)] = None,
    splits: Annotated[int | None, _option("Into how many parts.", ROWS)] = None,
    purge: Annotated[str | None, _option("How long after its time a label is known, such as 7d.", ROWS)] = None,
    embargo: Annotated[str | None, _option("A further gap before the rows to hold out.", ROWS)] = None,
    group_column: Annotated[str | None, _option("Keep rows of one value of it together.", ROWS)] = None,
    class_balance: Annotated[Balance | None, _option("Weigh classes.", MORE, case_sensitive=False)] = None,
    calibration: Annotated[Calibration | None, _option("Calibrate probabilities.", MORE, case_sensitive=False)] = None,
    early_stopping_rounds: Annotated[
        int | None, _option("Stop after this number of rounds without gain.", MORE)
    ] = None,
    random_state: Annotated[int | None, _option("The seed; default 42.", MORE)] = None,
    reuse: Annotated[bool, _option("Take the model of an equal job, if there is one.", MORE, "--reuse")] = False,
    priority: Priority = None,
    max_runtime_seconds: MaxRuntime = None,
    no_wait: NoWait = False,
    print_spec: PrintSpec = False,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Train a model and print its scores; exit status 0 only if the job COMPLETED.

    Example: ml-training train churn.csv --target left -p n_estimators=200 --exclude customer_id
    """
    _train(dict(locals()))


def _train(options: Json) -> None:
    """Make the spec of the options of `train`, by their names there, and run the job."""
    from ml_training.client.specs import train_spec

    rule = given(**{name: options[name] for name in RULE})
    horizon = given(**{name: options[name] for name in HORIZON})
    goal = target_of(options["target"], rule, horizon)
    fields = given(
        params=params_of(options["param"] or []) or None,
        features=options["feature"] or None,
        exclude_features=options["exclude"] or None,
        feature_engineering={"windows": options["window"]} if options["window"] else None,
        phases=plain_phases(options["phase"]),
        validation=validation_of(options["validation"], **{name: options[name] for name in OF_VALIDATION}),
        reuse=options["reuse"] or None,
        **{name: options[name] for name in AS_THEY_ARE},
    )
    wait = not options["no_wait"]
    with result_printer(options["as_json"]) as printer, connect(waits=wait) as client:
        dataset = find_dataset(client, options["data"], printer, upload=not options["print_spec"])
        spec = train_spec(
            dataset.id,
            target=goal,
            model_type=options["model_type"],
            name=options["name"] or dataset.name,
            **fields,
        )
        if options["print_spec"]:
            typer.echo(json.dumps(spec, indent=2, ensure_ascii=False))
        elif options["dry_run"]:
            print_dry_run(client, spec, printer)
        else:
            run_job(client, spec, printer, wait=wait, key=options["key"])


def target_of(column: str, rule: Json, horizon: Json) -> Json:
    """The target of a spec; raises BadParameter for a rule or horizon that is not complete."""
    if rule and horizon:
        raise typer.BadParameter("give either --operator and --value, or --horizon, not both")
    if rule and len(rule) < 2:
        raise typer.BadParameter("--operator and --value go together")
    if horizon and len(horizon) < 3:
        raise typer.BadParameter("--horizon, --min-percent-change and --direction go together")
    if "value" in rule:
        rule = {**rule, "value": value_of(str(rule["value"]))}
    return {"column": column, **rule, **horizon}


def validation_of(method: Method | None, **options: Any) -> Json | None:
    """The validation of a spec; without a method the other options choose it; None is the service's default."""
    fields = given(**options)
    if method is None and not fields:
        return None
    return {"method": (method or _meant(fields)).value, **fields}


def _meant(fields: Json) -> Method:
    """The method that has these fields."""
    if "group_column" in fields:
        return Method.GROUP_K_FOLD if "splits" in fields else Method.GROUP_HOLDOUT
    if "purge" in fields or "embargo" in fields:
        return Method.TIME_SERIES
    return Method.CROSS_VALIDATION if "splits" in fields else Method.HOLDOUT


def params_of(texts: list[str]) -> Json:
    """Parameters of `NAME=VALUE` texts; raises BadParameter for another form, or a name that is given twice."""
    params: Json = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"--param {text!r}: give NAME=VALUE, such as n_estimators=200")
        if name in params:
            raise typer.BadParameter(f"--param {name} is given twice: keep one")
        params[name] = value_of(value)
    return params


def value_of(text: str) -> Any:
    """A number, true, false or null as such, everything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")) else value
