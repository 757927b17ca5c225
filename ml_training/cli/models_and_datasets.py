"""The commands for models and data sets: models, datasets, datasets add."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
ReadingOptions = Annotated[
    list[str] | None,
    typer.Option(help="How to read the file, such as decimal=, or sheet=Data; docs/files.md lists them."),
]
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
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSON lines, XLSX, Feather or Parquet.", exists=True, dir_okay=False, readable=True
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Default: the file name without its extension.")] = None,
    time_column: Column = None,
    phase_column: Column = None,
    group_column: Column = None,
    option: ReadingOptions = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and wait until it is READY; exit status 1 if it is REJECTED."""
    columns = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
    fields = {"name": name or file.name.split(".")[0], **{key: value for key, value in columns.items() if value}}
    fields |= dict(_option(text) for text in option or [])
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
            reasons = [f"  {_place(reason)}{reason['detail']}" for reason in dataset["reasons"]]
            raise Failed("\n".join(reasons or ["  no reason given"]))
        for warning in dataset.get("warnings", []):
            printer.line(f"  {warning['code']}: {warning['detail']}")


def _option(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
    return name, value


def _place(reason: Mapping[str, Any]) -> str:
    """Where in the file a reason for a rejection is: `row 3, column 'a': `."""
    row = f"row {reason['row']:,}" if reason.get("row") is not None else ""
    column = f"column {reason['column']!r}" if reason.get("column") is not None else ""
    place = ", ".join(part for part in (row, column) if part)
    return f"{place}: " if place else ""
