"""The commands of `ml-training`."""

from collections.abc import Callable
from typing import Annotated

import typer

from ml_training import __version__
from ml_training.cli.back_up import backup, restore
from ml_training.cli.bulk_jobs import cancel, retry
from ml_training.cli.connections import connections
from ml_training.cli.datasets import datasets
from ml_training.cli.explain import drift, explain
from ml_training.cli.fleet import overview, workers
from ml_training.cli.jobs import jobs, logs, results, show, submit, watch
from ml_training.cli.keys import keys
from ml_training.cli.machine import doctor, down, migrate, up
from ml_training.cli.make_jobs import compare, evaluate, predict
from ml_training.cli.models import models
from ml_training.cli.projects import projects
from ml_training.cli.storage import storage
from ml_training.cli.train import train
from ml_training.cli.tune import tune

Command = Callable[..., None]
app = typer.Typer(
    name="ml-training",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # an uncaught exception is a defect: show its whole stack trace
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ml-training {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train scikit-learn and LightGBM models on tabular data.

    First steps: ml-training up; ml-training train data.csv --target COLUMN
    """


FIRST: tuple[Command, ...] = (up, down, train, tune)
FOR_JOBS: tuple[Command, ...] = (
    compare,
    predict,
    explain,
    drift,
    submit,
    jobs,
    show,
    logs,
    watch,
    cancel,
    retry,
    results,
)
LAST: tuple[Command, ...] = (overview, connections, migrate, backup, restore, doctor)
for command in FIRST:
    app.command()(command)
app.command("test")(evaluate)
for command in FOR_JOBS:
    app.command()(command)
app.add_typer(models, name="models")
app.add_typer(datasets, name="datasets")
app.add_typer(workers, name="workers")
app.add_typer(keys, name="keys")
app.add_typer(projects, name="projects")
app.add_typer(storage, name="storage")
for command in LAST:
    app.command()(command)


def main() -> None:
    """The console script."""
    app()
