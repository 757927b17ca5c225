"""Output of a command while it works: progress bars on a terminal, plain lines in a pipe, JSON lines for programs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_training.client.display import cell_text
from ml_training.client.progress import ProgressBars, rich_bars
from ml_training.domain.states import JobStatus


class CommandOutput(Protocol):
    """What a command can write while it works; `event` is a fixed name for programs."""

    def message(self, event: str, text: str, **fields: object) -> None:
        """Write one event: people read `text`, programs also read `fields`."""

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write a table."""

    def progress_bars(self) -> AbstractContextManager[ProgressBars]:
        """Progress bars that are visible within the context."""


class TextOutput:
    """Text for people; "-" in a table means unknown."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def message(self, event: str, text: str, **_fields: object) -> None:
        """Write `text` as one line, without wrapping it."""
        self.console.print(escape(text), soft_wrap=True, highlight=False)

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write an aligned table without borders."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell_text(value)) for value in row))
        self.console.print(table, highlight=False)

    @contextmanager
    def progress_bars(self) -> Iterator[ProgressBars]:
        """Moving bars on a terminal, otherwise one line for each change of status."""
        if not self.console.is_terminal:
            yield StatusLines(self)
            return
        with rich_bars(self.console) as bars:
            yield bars


class StatusLines:
    """One line for each new status of a job."""

    def __init__(self, output: CommandOutput) -> None:
        self._output = output
        self._seen: dict[int | str, JobStatus] = {}

    def show(self, key: int | str, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Write a line if the status changed."""
        if self._seen.get(key) is not status:
            self._seen[key] = status
            fields = {"job_id": key, "label": label, "status": status, "progress": fraction, "message": message}
            self._output.message("job", f"{label}: {status} {message}".rstrip(), **fields)


class JsonOutput:
    """JSON for programs: one object on each line, with the key `event`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def message(self, event: str, text: str, **fields: object) -> None:
        """Write `event`, `text` and `fields` as one object."""
        self._emit({"event": event, "text": text, **fields})

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write one object; each row is an object of column names and values."""
        self._emit({"event": event, "rows": [dict(zip(columns, row, strict=True)) for row in rows]})

    @contextmanager
    def progress_bars(self) -> Iterator[ProgressBars]:
        """One object for each change of status."""
        yield StatusLines(self)

    def _emit(self, document: object) -> None:
        self._console.file.write(json.dumps(document) + "\n")
        self._console.file.flush()
