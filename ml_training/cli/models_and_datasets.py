"""The verbs about what jobs need and make: data sets and models."""

from pathlib import Path
from typing import Annotated

import typer

from ml_training.cli.result_printer import AsJson, Failed, answering, connect
from ml_training.local.watch_jobs import follow

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
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
Column = Annotated[str | None, typer.Option(help="A column with this role.")]
datasets = typer.Typer(help="List data sets, or add one.", invoke_without_command=True)


def models(limit: Limit = 20, as_json: AsJson = False) -> None:
    """List models, the newest first."""
    with answering(as_json) as output, connect() as client:
        output.items(list(client.items("/models", limit=limit)), MODEL_COLUMNS)


@datasets.callback()
def list_datasets(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List data sets, the newest first; `add` takes one in."""
    if context.invoked_subcommand is None:
        with answering(as_json) as output, connect() as client:
            output.items(list(client.items("/datasets", limit=limit)), DATASET_COLUMNS)


@datasets.command("add")
def add_dataset(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet.", exists=True, dir_okay=False, readable=True)],
    name: Annotated[str | None, typer.Option(help="Default: the file's name without its ending.")] = None,
    time_column: Column = None,
    phase_column: Column = None,
    group_column: Column = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and wait until it is READY; exit status 1 if it is REJECTED."""
    columns = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
    fields = {"name": name or file.name.split(".")[0], **{key: value for key, value in columns.items() if value}}
    with answering(as_json) as output, connect() as client:
        dataset = client.upload("/datasets", file, fields=fields)
        with output.reporter().bars() as bars:
            follow(client, [client.get(f"/jobs/{dataset['job_id']}")], bars=bars)
        dataset = client.get(f"/datasets/{dataset['id']}")
        output.document(dataset)
        output.line(f"data set {dataset['id']} ({dataset['name']} version {dataset['version']}) is {dataset['status']}")
        if dataset["status"] != "READY":
            reasons = [f"  {reason.get('detail', reason)}" for reason in dataset.get("reasons") or ["no reason given"]]
            raise Failed("\n".join(reasons))
