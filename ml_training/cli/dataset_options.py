"""The options of `ml-training datasets add`: where the rows are, what they mean, and how a file is written."""

from pathlib import Path
from typing import Annotated

import typer

from ml_training.cli.result_printer import Json

WHERE, HOW = "Where the rows are, without FILE", "How the file is written"
ONE_PLACE = "give a FILE, or --connection with --query or --query-file, or --source"
File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="The file to upload.", exists=True, dir_okay=False, readable=True),
]
Name = Annotated[str | None, typer.Option(help="Default: made of the file name, or the name of the connection.")]
Connection = Annotated[str | None, typer.Option(help="See `ml-training connections`.", rich_help_panel=WHERE)]
Query = Annotated[str | None, typer.Option(help="One SELECT, run on the connection.", rich_help_panel=WHERE)]
QueryFile = Annotated[
    Path | None,
    typer.Option(help="A file with the query.", exists=True, dir_okay=False, readable=True, rich_help_panel=WHERE),
]
Source = Annotated[str | None, typer.Option(help="s3://ROOT/KEY of a file in a bucket.", rich_help_panel=WHERE)]
TimeColumn = Annotated[str | None, typer.Option(help="The column with the time of a row.")]
PhaseColumn = Annotated[str | None, typer.Option(help="The column with the stage of life of a row.")]
GroupColumn = Annotated[str | None, typer.Option(help="The column that says what the row belongs to.")]
Separator = Annotated[str | None, typer.Option(help="Between the columns, such as ;", rich_help_panel=HOW)]
Decimal = Annotated[str | None, typer.Option(help="The decimal mark: . or ,", rich_help_panel=HOW)]
Encoding = Annotated[str | None, typer.Option(help="Such as utf-8 or windows-1252.", rich_help_panel=HOW)]
DateFormat = Annotated[str | None, typer.Option(help="Of dates, see docs/api.md.", rich_help_panel=HOW)]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a workbook.", rich_help_panel=HOW)]
Other = Annotated[
    list[str] | None,
    typer.Option("--option", help="FIELD=VALUE: any other field of the form.", rich_help_panel=HOW),
]


def fields(given: list[str]) -> Json:
    """The fields of --option; raises typer.BadParameter."""
    found: Json = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"--option {text!r}: give FIELD=VALUE")
        found[name] = value
    return found


def query_of(connection: str | None, query: str | None, file: Path | None) -> tuple[str, str] | None:
    """The connection and the query, or None without both; raises typer.BadParameter."""
    if query is not None and file is not None:
        raise typer.BadParameter("give --query or --query-file, not both")
    if (connection is None) != (query is None and file is None):
        raise typer.BadParameter(ONE_PLACE)
    try:
        text = file.read_text(encoding="utf-8") if file is not None else query
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not in UTF-8") from None
    return None if connection is None or text is None else (connection, text)


def require_one_place(file: Path | None, source: str | None, query: tuple[str, str] | None) -> None:
    """Raise typer.BadParameter unless the rows are in exactly one place."""
    if [file is not None, source is not None, query is not None].count(True) != 1:
        raise typer.BadParameter(ONE_PLACE)
