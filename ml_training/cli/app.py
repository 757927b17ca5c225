"""The commands of `ml-training`."""

import typer

from ml_training.cli.jobs import cancel, jobs, submit, watch
from ml_training.cli.machine import doctor, migrate, up
from ml_training.cli.models_and_datasets import datasets, models

app = typer.Typer(
    name="ml-training",
    help="Train scikit-learn and LightGBM models on tabular data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # an uncaught exception is a defect: show its whole stack trace
)
for command in (up, submit, jobs, watch, cancel, models, migrate, doctor):
    app.command()(command)
app.add_typer(datasets, name="datasets")


def main() -> None:
    """The console script."""
    app()
