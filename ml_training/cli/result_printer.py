"""Prints the result of a command: a table for people, one JSON document for programs, errors without a stack trace."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from ml_training.domain.variables import SettingsError

if TYPE_CHECKING:
    from ml_training.local.console_output import CommandOutput

Json = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]
PIPE_WIDTH = 400
USER_ERRORS = (SettingsError, OSError)  # with --json, the class name is the `title` of the answer


class Failed(Exception):
    """The command failed; the message says why."""


class ResultPrinter:
    """Prints the results of one command to stdout, as text or, with `as_json`, as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        from rich.console import Console

        from ml_training.local.broken_pipe import BrokenPipeSafeOutput

        self.as_json = as_json
        # A program that reads a pipe expects one line for each row, however long.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self.console = Console(file=cast(TextIO, BrokenPipeSafeOutput(sys.stdout)), width=width)

    def document(self, document: Json) -> None:
        """Print the result for programs; nothing without `as_json`."""
        if self.as_json:
            self.console.file.write(json.dumps(document) + "\n")
            self.console.file.flush()

    def line(self, text: str) -> None:
        """Print a line for people; nothing with `as_json`."""
        if not self.as_json:
            self.command_output().message("line", text)

    def items(self, items: Sequence[Json], columns: dict[str, str]) -> None:
        """Print a list; `columns` maps column titles to dotted paths, such as `scores.held_out.accuracy`."""
        if self.as_json:
            self.document({"items": list(items)})
        else:
            self.table(list(columns), [[table_value(item, path) for path in columns.values()] for item in items])

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table for people; nothing with `as_json`."""
        if not self.as_json:
            self.command_output().table("items", columns, rows)

    def command_output(self) -> "CommandOutput":
        """The output for commands that take a while and report their progress."""
        from ml_training.local.console_output import JsonOutput, TextOutput

        return JsonOutput(self.console) if self.as_json else TextOutput(self.console)

    def error(self, title: str, lines: Sequence[str], document: Json) -> None:
        """Print `lines` to stderr for people, or `document` with its `title` to stdout for programs."""
        from rich.console import Console

        if self.as_json:
            self.document({"title": title, **document})
        else:
            Console(stderr=True).print("\n".join(lines), style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def result_printer(as_json: bool) -> Iterator[ResultPrinter]:
    """The printer of one command; errors that users can cause end the command with status 1 and a message."""
    from ml_training.client.errors import ApiError, ClientError

    printer = ResultPrinter(as_json=as_json)
    try:
        yield printer
    except ApiError as problem:
        printer.error(problem.title, problem.text_lines(), problem.document)
        raise typer.Exit(1) from None
    except (Failed, ClientError, *USER_ERRORS) as error:
        printer.error(type(error).__name__, [str(error)], {"detail": str(error)})
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def table_value(item: Json, path: str) -> object:
    """The value at a dotted path, prepared for a table: times without fractions, progress in percent."""
    value = value_at(item, path)
    if path.endswith("_at") and isinstance(value, str):
        return value[:19].replace("T", " ")
    if path == "progress" and isinstance(value, float):
        return f"{value:.0%}"
    return value


def value_at(item: Json, path: str) -> object:
    """The value at a dotted path; None where a part is missing."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
