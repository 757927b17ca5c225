"""The list of verbs."""

import typer

from ml_training.cli.jobs import cancel, jobs, submit, watch
from ml_training.cli.machine import doctor, migrate, up
from ml_training.cli.models_and_datasets import datasets, models

app = typer.Typer(
    name="ml-training",
    help="Train scikit-learn and LightGBM models on tabular data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a stack trace is a defect, and then it should be whole
)
for verb in (up, submit, jobs, watch, cancel, models, migrate, doctor):
    app.command()(verb)
app.add_typer(datasets, name="datasets")


def main() -> None:
    """The console script."""
    app()
