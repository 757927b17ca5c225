"""What a command says while it works: bars on a terminal, plain lines in a pipe, JSON lines for programs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ml_training.domain.states import JobStatus


class Bars(Protocol):
    """One progress bar a job."""

    def show(self, job_id: int, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Where the job stands now; `fraction` from 0 to 1."""


class Reporter(Protocol):
    """The ways to say something."""

    def say(self, event: str, text: str, **fields: object) -> None:
        """One thing that happened."""

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A list of things of one kind."""

    def bars(self) -> AbstractContextManager[Bars]:
        """Progress bars, as long as the context lasts."""


class ConsoleReporter:
    """For people."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, event: str, text: str, **_fields: object) -> None:
        """One line."""
        self.console.print(escape(text), soft_wrap=True, highlight=False)

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; "-" stands for what is not known."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(escape(shown(value)) for value in row))
        self.console.print(table, highlight=False)

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """Moving bars on a terminal, a line for each change of state elsewhere."""
        if not self.console.is_terminal:
            yield LineBars(self)
            return
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[message]}", markup=False),
        )
        with Progress(*columns, console=self.console) as progress:
            yield RichBars(progress)


class RichBars:
    """Bars of rich."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, TaskID] = {}

    def show(self, job_id: int, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Move the bar of the job; the first call makes it."""
        if job_id not in self._tasks:
            self._tasks[job_id] = self._progress.add_task(escape(label), total=1.0, message="")
        text = message if status is JobStatus.RUNNING else f"{status} {message}".strip()
        self._progress.update(self._tasks[job_id], completed=fraction, message=text)
        if status.is_terminal:
            self._progress.stop_task(self._tasks[job_id])


class LineBars:
    """One line for each new status of a job."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._seen: dict[int, JobStatus] = {}

    def show(self, job_id: int, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Say it when the status is new."""
        if self._seen.get(job_id) is not status:
            self._seen[job_id] = status
            fields = {"job_id": job_id, "label": label, "status": status, "progress": fraction, "message": message}
            self._reporter.say("job", f"{label}: {status} {message}".rstrip(), **fields)


class JsonReporter:
    """For programs: one JSON object a line, each with `event`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, event: str, text: str, **fields: object) -> None:
        """One object."""
        self._emit({"event": event, "text": text, **fields})

    def table(self, event: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """One object, a row a name-value object."""
        self._emit({"event": event, "rows": [dict(zip(columns, row, strict=True)) for row in rows]})

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """One object for each new status."""
        yield LineBars(self)

    def _emit(self, document: object) -> None:
        self._console.file.write(json.dumps(document) + "\n")
        self._console.file.flush()


def shown(value: object) -> str:
    """A cell of a table."""
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
