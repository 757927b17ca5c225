"""Shows jobs and uploads that run: a moving bar for each on a terminal or in a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ml_training.client.errors import Json
from ml_training.domain.states import JobStatus

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class ProgressBars(Protocol):
    """One progress bar for each job or upload."""

    def show(self, key: int | str, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Show the current progress; key: the id of the job, or the name of the file; `fraction` is from 0 to 1."""


class NoBars:
    """Shows nothing."""

    def show(self, key: int | str, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """See ProgressBars."""


class RichProgressBars:
    """Moving bars, drawn by rich."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[int | str, TaskID] = {}

    def show(self, key: int | str, label: str, *, status: JobStatus, fraction: float, message: str) -> None:
        """Move the bar; the first call with a key adds it."""
        from rich.markup import escape

        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(escape(label), total=1.0, message="")
        text = message if status is JobStatus.RUNNING else f"{status} {message}".strip()
        self._progress.update(self._tasks[key], completed=fraction, message=text)
        if status.is_terminal:
            self._progress.stop_task(self._tasks[key])


@contextmanager
def rich_bars(console: "Console") -> Iterator[ProgressBars]:
    """Moving bars that are visible within the context."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        yield RichProgressBars(progress)


@contextmanager
def bars_for_people(wanted: bool | None) -> Iterator[ProgressBars]:
    """Bars on a terminal and in a notebook; `wanted` True or False overrules."""
    from rich.console import Console

    console = Console()
    visible = console.is_terminal or console.is_jupyter if wanted is None else wanted
    if not visible:
        yield NoBars()
        return
    with rich_bars(console) as bars:
        yield bars


def job_label(job: Json) -> str:
    """A short name of a job, such as `#3 TRAIN lightgbm`."""
    model_type = job.get("model_type")
    return f"#{job['id']} {job['job_type']}" + (f" {model_type}" if model_type not in (None, "none") else "")


def show_job(bars: ProgressBars, job: Json) -> None:
    """Show a job as it is now; a FAILED one with code, message and hint."""
    status = JobStatus(job["status"])
    message = "" if status is JobStatus.COMPLETED else job.get("progress_message") or ""
    if status is JobStatus.FAILED and job.get("error"):
        error = job["error"]
        message = " ".join(part for part in (f"{error['code']}:", error["message"], error.get("hint")) if part)
    elif not status.is_terminal and job.get("eta_seconds") is not None:
        message = f"{message} (about {job['eta_seconds']:.0f} s left)".strip()
    bars.show(int(job["id"]), job_label(job), status=status, fraction=job.get("progress") or 0.0, message=message)
