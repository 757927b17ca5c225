"""The commands for data sets: list, add, refresh, show, preview, rm."""

from typing import TYPE_CHECKING, Annotated

import typer

from ml_training.cli import dataset_options as options
from ml_training.cli.jobs import Order
from ml_training.cli.result_printer import AsJson, Failed, Json, ResultPrinter, result_printer
from ml_training.cli.service import Beginning, Limit, connect, wait_for

if TYPE_CHECKING:
    from ml_training.client.client import Client
    from ml_training.client.datasets import Dataset

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
datasets = typer.Typer(invoke_without_command=True)


@datasets.callback()
def list_datasets(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Only versions of this name.")] = None,
    q: Beginning = None,
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
            filters = {"q": q, "name": name, "status": status, "sort": order}
            found = client.transport.list_items("/datasets", limit=limit, **filters)
            printer.items(list(found), COLUMNS)


@datasets.command("add")
def add_dataset(
    file: options.File = None,
    name: options.Name = None,
    connection: options.Connection = None,
    query: options.Query = None,
    query_file: options.QueryFile = None,
    source: options.Source = None,
    time_column: options.TimeColumn = None,
    phase_column: options.PhaseColumn = None,
    group_column: options.GroupColumn = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    date_format: options.DateFormat = None,
    sheet: options.Sheet = None,
    option: options.Other = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file, or take rows from a database or a bucket, and wait until they are READY; else exit status 1.

    Example: ml-training datasets add sales.csv --time-column day --decimal ,
    """
    about: Json = {
        "time_column": time_column,
        "phase_column": phase_column,
        "group_column": group_column,
        "separator": separator,
        "decimal": decimal,
        "encoding": encoding,
        "date_format": date_format,
        "sheet": sheet,
        **options.fields(option or []),
    }
    rows_of = options.query_of(connection, query, query_file)
    options.require_one_place(file, source, rows_of)
    with result_printer(as_json) as printer, connect(waits=True) as client:
        if file is not None:
            shown = False if printer.as_json else None
            dataset = client.datasets.upload(file, name=name, wait=False, progress=shown, **about)
        elif source is not None:
            dataset = client.datasets.from_source(source, name=name, wait=False, **about)
        elif rows_of is not None:
            dataset = client.datasets.from_query(*rows_of, name=name or rows_of[0], wait=False, **about)
        _follow(client, dataset, printer)


def _follow(client: "Client", dataset: "Dataset", printer: ResultPrinter) -> None:
    """Wait for the verdict about a data set and print it; raises Failed when it is REJECTED."""
    from ml_training.client.errors import DatasetRejected, reason_lines

    wait_for(client, client.transport.get(f"/jobs/{dataset.job_id}"), printer)
    dataset = dataset.refresh()
    printer.document(dict(dataset.data))
    printer.line(f"{dataset.label} is {dataset.status}")
    for warning in dataset.warnings:
        printer.line(f"  warning: {warning.get('pointer')}: {warning.get('detail')}")
    if dataset.status == "REJECTED":
        raise Failed("\n".join(f"  {line}" for line in reason_lines(dataset.reasons or [{}])))
    if dataset.status != "READY":  # cannot be: its job has ended
        raise DatasetRejected(dataset, label=dataset.label, reasons=dataset.reasons)


@datasets.command("refresh")
def refresh_dataset(dataset: DatasetId, as_json: AsJson = False) -> None:
    """Ask the database or bucket again: a new version if the rows have changed, else the newest one as it is.

    Example: ml-training datasets refresh churn
    """
    with result_printer(as_json) as printer, connect(waits=True) as client:
        found = client.datasets.get(int(dataset) if dataset.isdecimal() else dataset)
        ended = wait_for(client, dict(client.datasets.start_refresh(found).data), printer)
        job = client.jobs.get(int(ended["id"]))
        job.raise_unless_completed()
        refreshed = job.dataset
        printer.document(dict(refreshed.data))
        is_new = refreshed.version > found.version
        printer.line(f"{refreshed.label} is {'new' if is_new else 'unchanged'}")


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
