"""The commands for models and data sets: models, datasets, datasets add."""

from pathlib import Path
from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, connect_to_api, result_printer
from ml_training.local.watch_jobs import watch_jobs

MODEL_COLUMNS = {
    "id": "id",
    "name": "name",
    "version": "version",
    "type": "model_type",
    "task": "task",
    "held-out": "scores.held_out.accuracy",
    "training": "scores.train.accuracy",
    "created (UTC)": "created_at",
}
DATASET_COLUMNS = {
    "id": "id",
    "name": "name",
    "version": "version",
    "status": "status",
    "rows": "rows",
    "columns": "columns",
    "created (UTC)": "created_at",
}
Limit = Annotated[int, typer.Option(min=1, help="The largest number of items to list.")]
Column = Annotated[str | None, typer.Option(help="The column with this role.")]
datasets = typer.Typer(help="List data sets, or add one.", invoke_without_command=True)


def models(limit: Limit = 20, as_json: AsJson = False) -> None:
    """List models, the newest first."""
    with result_printer(as_json) as printer, connect_to_api() as client:
        printer.items(list(client.list_items("/models", limit=limit)), MODEL_COLUMNS)


@datasets.callback()
def list_datasets(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List data sets, the newest first; `add` uploads one."""
    if context.invoked_subcommand is None:
        with result_printer(as_json) as printer, connect_to_api() as client:
            printer.items(list(client.list_items("/datasets", limit=limit)), DATASET_COLUMNS)


@datasets.command("add")
def add_dataset(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet.", exists=True, dir_okay=False, readable=True)],
    name: Annotated[str | None, typer.Option(help="Default: the file name without its extension.")] = None,
    time_column: Column = None,
    phase_column: Column = None,
    group_column: Column = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and wait until it is READY; exit status 1 if it is REJECTED."""
    columns = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
    fields = {"name": name or file.name.split(".")[0], **{key: value for key, value in columns.items() if value}}
    with result_printer(as_json) as printer, connect_to_api() as client:
        dataset = client.upload("/datasets", file, fields=fields)
        with printer.command_output().progress_bars() as bars:
            watch_jobs(client, [client.get(f"/jobs/{dataset['job_id']}")], bars=bars)
        dataset = client.get(f"/datasets/{dataset['id']}")
        printer.document(dataset)
        printer.line(
            f"data set {dataset['id']} ({dataset['name']} version {dataset['version']}) is {dataset['status']}"
        )
        if dataset["status"] != "READY":
            reasons = [f"  {reason.get('detail', reason)}" for reason in dataset.get("reasons") or ["no reason given"]]
            raise Failed("\n".join(reasons))
