"""What becomes of a file that was read: the index and profile of a READY data set, or the reasons of a REJECTED one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets
from ml_training.domain.errors import Interrupted
from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.domain.records import Dataset
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.storage.base import StoredObject
from ml_training.tabular.ingest import read_table
from ml_training.tabular.ingest_result import IngestProgress, Reason


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file with the rows of a data set, and what the user says about it."""

    path: Path
    file_format: str
    options: FileOptions
    limits: Limits


def read_file(
    context: WorkerContext, dataset: Dataset, file: FileToRead, directory: Path, progress: IngestProgress
) -> dict[str, Any]:
    """Write the index into the directory; the verdict as JSON values."""
    verdict = read_table(
        file.path,
        file.file_format,
        limits=file.limits,
        directory=directory,
        time_column=dataset.time_column,
        phase_column=dataset.phase_column,
        group_column=dataset.group_column,
        options=file.options,
        progress=progress,
        threads=context.cores.granted,
    )
    shown = {"rows": verdict.rows, "columns": verdict.columns, "profile": verdict.profile}
    return {"reasons": list(verdict.reasons), **shown}


def ready_values(verdict: dict[str, Any], index: StoredObject) -> dict[str, Any]:
    """The values of `datasets.mark_ready` without those of raw bytes that were stored before the index."""
    return {
        "index_key": index.key,
        "index_sha256": index.sha256,
        "index_bytes": index.size,
        "rows": verdict["rows"],
        "columns": verdict["columns"],
        "profile": verdict["profile"],
        "put_after": index.put_after,
    }


def raw_values(stored: StoredObject) -> dict[str, Any]:
    """The columns of the raw bytes of a data set."""
    found = {"raw_key": stored.key, "raw_sha256": stored.sha256, "raw_bytes": stored.size}
    return {**found, "put_after": stored.put_after}


def acceptance(dataset: Dataset, values: dict[str, Any]) -> JobOutcome:
    """The data set becomes READY."""

    def store(connection: Connection, fence: AttemptFence) -> int:
        datasets.mark_ready(connection, dataset.id, **values)
        return dataset.id

    return JobOutcome(store=store, rows_used=values["rows"])


def rejection(dataset: Dataset, reasons: tuple[Reason, ...]) -> JobOutcome:
    """The data set becomes REJECTED."""

    def store(connection: Connection, fence: AttemptFence) -> int:
        datasets.mark_rejected(connection, dataset.id, reasons)
        return dataset.id

    return JobOutcome(store=store, rows_used=0)


def progress_of(reporter: JobReporter, *, after: float = 0.0) -> Callable[[float, str], None]:
    """Reports the share of the work that follows a share of `after`, and stops the work when the job should stop."""

    def progress(fraction: float, message: str) -> None:
        reason = reporter.should_stop()
        if reason is not None:
            raise Interrupted(reason)
        reporter.progress(after + (1 - after) * fraction, message)

    return progress
