"""How every verb answers: a table for people, one JSON document for programs, errors without a stack trace."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TextIO, cast

import typer
from rich.console import Console

from ml_training.local.api_client import Client, Problem, Unreachable
from ml_training.local.broken_pipe import LastingOutput
from ml_training.local.console_output import ConsoleReporter, JsonReporter, Reporter
from ml_training.local.stack_urls import find_urls
from ml_training.settings import SettingsError, read_settings

Json = dict[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]
PIPE_WIDTH = 400
EXPECTED = (SettingsError, Unreachable, OSError)


class Failed(Exception):
    """The verb did not do what was asked; the message says why."""


class Output:
    """Where a verb writes to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # What reads a pipe wants one line a row, however long.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self.console = Console(file=cast(TextIO, LastingOutput(sys.stdout)), width=width)

    def document(self, document: Json) -> None:
        """The answer itself, only with --json."""
        if self.as_json:
            self.console.file.write(json.dumps(document) + "\n")
            self.console.file.flush()

    def line(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            self.reporter().say("line", text)

    def items(self, items: Sequence[Json], columns: dict[str, str]) -> None:
        """A list: `columns` maps the table's heads to paths such as `scores.held_out.accuracy`."""
        if self.as_json:
            self.document({"items": list(items)})
        else:
            rows = [[cell(item, path) for path in columns.values()] for item in items]
            self.reporter().table("items", list(columns), rows)

    def reporter(self) -> Reporter:
        """For what takes a while."""
        return JsonReporter(self.console) if self.as_json else ConsoleReporter(self.console)

    def error(self, title: str, lines: Sequence[str], document: Json) -> None:
        """What went wrong, on stderr for people."""
        if self.as_json:
            self.document({"title": title, **document})
        else:
            Console(stderr=True).print("\n".join(lines), style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def answering(as_json: bool) -> Iterator[Output]:
    """The output of one verb; errors that a user can meet end it with status 1 and a message."""
    output = Output(as_json=as_json)
    try:
        yield output
    except Problem as problem:
        output.error(str(problem), problem.lines(), problem.document)
        raise typer.Exit(1) from None
    except (Failed, *EXPECTED) as error:
        output.error(type(error).__name__, [str(error)], {"detail": str(error)})
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def connect() -> Client:
    """A client of the service that the settings name."""
    return Client(find_urls(read_settings()).api)


def cell(item: Json, path: str) -> object:
    """The value at a dotted path as a table shows it: times to the second, progress in percent."""
    value = lookup(item, path)
    if path.endswith("_at") and isinstance(value, str):
        return value[:19].replace("T", " ")
    if path == "progress" and isinstance(value, float):
        return f"{value:.0%}"
    return value


def lookup(item: Json, path: str) -> object:
    """The value at a dotted path; None where a part is missing."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
