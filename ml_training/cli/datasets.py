"""The commands for data sets: list, add, show, preview, rm."""

from pathlib import Path
from typing import Annotated

import typer

from ml_training.cli.jobs import Order
from ml_training.cli.result_printer import AsJson, Failed, Json, result_printer
from ml_training.cli.service import Limit, connect

COLUMNS = {
    "id": "id",
    "name": "name",
    "version": "version",
    "status": "status",
    "rows": "rows",
    "columns": "columns",
    "created (UTC)": "created_at",
}
PROFILE_COLUMNS = {
    "column": "name",
    "kind": "kind",
    "missing": "nulls",
    "distinct": "distinct",
    "min": "min",
    "max": "max",
}
DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="Its id, or a name for its newest READY version.")]
HOW = "How the file is written"
datasets = typer.Typer(invoke_without_command=True)


@datasets.callback()
def list_datasets(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only versions of this name.")] = None,
    status: Annotated[str | None, typer.Option(help="Only READY, PROCESSING or REJECTED ones.")] = None,
    sort: Annotated[Order, typer.Option(case_sensitive=False, help="What comes first.")] = Order.NEWEST,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List data sets, the newest first, or add, look at or remove one.

    Example: ml-training datasets --name churn
    """
    if context.invoked_subcommand is None:
        with result_printer(as_json) as printer, connect() as client:
            order = sort.value if sort is Order.OLDEST else None
            status = status and status.upper()
            found = client.transport.list_items("/datasets", limit=limit, name=name, status=status, sort=order)
            printer.items(list(found), COLUMNS)


@datasets.command("add")
def add_dataset(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to upload.", exists=True, dir_okay=False, readable=True)
    ],
    name: Annotated[str | None, typer.Option(help="Default: made of the file name.")] = None,
    time_column: Annotated[str | None, typer.Option(help="The column with the time of a row.")] = None,
    phase_column: Annotated[str | None, typer.Option(help="The column with the stage of life of a row.")] = None,
    group_column: Annotated[str | None, typer.Option(help="The column that says what the row belongs to.")] = None,
    separator: Annotated[str | None, typer.Option(help="Between the columns, such as ;", rich_help_panel=HOW)] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal mark: . or ,", rich_help_panel=HOW)] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as utf-8 or windows-1252.", rich_help_panel=HOW)] = None,
    date_format: Annotated[str | None, typer.Option(help="Of dates, see docs/api.md.", rich_help_panel=HOW)] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.", rich_help_panel=HOW)] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="FIELD=VALUE: any other field of the form.", rich_help_panel=HOW)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file and wait until it is READY; exit status 1 if it is REJECTED.

    Example: ml-training datasets add sales.csv --time-column day --decimal ,
    """
    from ml_training.client.errors import DatasetRejected, reason_lines
    from ml_training.client.waiting import wait_for_jobs

    options = {
        "separator": separator,
        "decimal": decimal,
        "encoding": encoding,
        "date_format": date_format,
        "sheet": sheet,
        **_fields(option or []),
    }
    with result_printer(as_json) as printer, connect(waits=True) as client:
        dataset = client.datasets.upload(
            file,
            name=name,
            time_column=time_column,
            phase_column=phase_column,
            group_column=group_column,
            wait=False,
            **options,
        )
        with printer.command_output().progress_bars() as bars:
            wait_for_jobs(client.transport, [client.transport.get(f"/jobs/{dataset.job_id}")], bars=bars)
        dataset = dataset.refresh()
        printer.document(dict(dataset.data))
        printer.line(f"{dataset.label} is {dataset.status}")
        for warning in dataset.warnings:
            printer.line(f"  warning: {warning.get('pointer')}: {warning.get('detail')}")
        if dataset.status == "REJECTED":
            raise Failed("\n".join(f"  {line}" for line in reason_lines(dataset.reasons or [{}])))
        if dataset.status != "READY":  # cannot be: its job has ended
            raise DatasetRejected(dataset, label=dataset.label, reasons=dataset.reasons)


@datasets.command("show")
def show_dataset(dataset: DatasetId, as_json: AsJson = False) -> None:
    """Show a data set and what is known of each column.

    Example: ml-training datasets show churn
    """
    from ml_training.client.errors import reason_lines

    with result_printer(as_json) as printer, connect() as client:
        found = client.datasets.get(int(dataset) if dataset.isdecimal() else dataset)
        printer.document(dict(found.data))
        printer.line(f"{found.label} is {found.status}: {found.rows} rows, {found.bytes} bytes, {found.file_format}")
        for line in reason_lines(found.reasons) if found.reasons else []:
            printer.line(f"  {line}")
        for warning in found.warnings:
            printer.line(f"  warning: {warning.get('pointer')}: {warning.get('detail')}")
        if found.profile and not as_json:
            printer.items(list(found.profile.get("columns") or []), PROFILE_COLUMNS)


@datasets.command("preview")
def preview_dataset(
    dataset: DatasetId,
    rows: Annotated[int, typer.Option(min=1, max=200, help="How many rows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the first rows of a data set.

    Example: ml-training datasets preview churn --rows 5
    """
    with result_printer(as_json) as printer, connect() as client:
        found = client.datasets.preview(int(dataset) if dataset.isdecimal() else dataset, rows)
        printer.document({"items": found})
        names = list(found[0]) if found else []
        printer.table(names, [[row.get(name) for name in names] for row in found])


@datasets.command("rm")
def remove_datasets(
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="The ids of data sets.")], as_json: AsJson = False
) -> None:
    """Delete data sets; one that a job still needs is not deleted.

    Example: ml-training datasets rm 3 4
    """
    with result_printer(as_json) as printer, connect() as client:
        for dataset_id in ids:
            client.datasets.delete(dataset_id)
            printer.line(f"data set {dataset_id} is deleted")
        printer.document({"deleted": ids})


def _fields(options: list[str]) -> Json:
    fields: Json = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"--option {text!r}: give FIELD=VALUE")
        fields[name] = value
    return fields
