"""INGEST of a data set that nobody uploaded: get the rows from where they are, then take them in like an upload.

The rows are on this machine first, and only what is right is stored. A killed worker leaves nothing but a temporary
file: the next attempt asks the origin again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets
from ml_training.db.project_counters import read_usage
from ml_training.db.projects import own_name, read_quotas
from ml_training.db.versions import lock_versions
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed, SourceUnavailable
from ml_training.domain.origins import FileOrigin, Origin, QueryOrigin, stored_origin
from ml_training.domain.query_columns import QueryRows
from ml_training.domain.records import Dataset, Job
from ml_training.execution.forked_work import WorkFailed
from ml_training.execution.handlers.ingest_verdict import (
    FileToRead,
    acceptance,
    progress_of,
    raw_values,
    read_file,
    ready_values,
    rejection,
)
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.process.counted_put import counted_put
from ml_training.sources.refused import SourceRefused
from ml_training.sources.rows_file import QueryLimits
from ml_training.storage.base import ObjectKind
from ml_training.tabular.ingest_result import IngestProgress, Reason, reason
from ml_training.tabular.query_rows import write_parquet

CHUNK = 1 << 20
FETCHED, WRITTEN = 0.4, 0.3  # the share of the work that is done, of all and of what follows
ANY_RATIO = 1 << 30  # the file is our own, and may be packed very far


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What came from an origin, as a file on this machine.

    version: equal ones mean equal data; empty if the origin does not say. rows: of a query, whose file is their text.
    """

    path: Path
    version: str
    rows: QueryRows | None = None


@dataclass(frozen=True, slots=True)
class _Ingest:
    """One attempt. known: of a refresh, the newest version that came from the same origin."""

    context: WorkerContext
    job: Job
    dataset: Dataset
    origin: Origin
    reporter: JobReporter
    refresh: bool
    known: Dataset | None


def ingest_from_origin(
    context: WorkerContext, job: Job, dataset: Dataset, reporter: JobReporter, *, refresh: bool
) -> JobOutcome:
    """Make the data set READY or REJECTED. refresh: make its next version, or none if the rows are the same."""
    origin = stored_origin(dataset.origin)
    if origin is None:
        raise JobFailed(ErrorCode.BAD_SPEC, f"the origin of data set {dataset.id} cannot be read")
    known = _newest(context, dataset) if refresh else None
    ingest = _Ingest(context, job, dataset, origin, reporter, refresh, known)
    try:
        return _run(ingest)
    except SourceRefused as refusal:
        return _rejection(ingest, tuple(reason(detail, column=column) for column, detail in refusal.reasons))
    except SourceUnavailable:
        stop = reporter.should_stop()
        if stop is not None:  # that is why the source was left
            raise Interrupted(stop) from None
        raise


def _run(ingest: _Ingest) -> JobOutcome:
    storage, known = ingest.context.storage, ingest.known
    with storage.scratch() as work, storage.scratch() as directory:
        fetched = _fetch(ingest, work)
        if fetched is None or (fetched.version and known is not None and known.origin_version == fetched.version):
            return _unchanged(ingest)
        file = work / "rows.parquet" if fetched.rows is not None else fetched.path
        try:
            verdict = ingest.context.run_work(
                lambda progress: _read(ingest, fetched, file, directory, progress),
                progress=progress_of(ingest.reporter, after=FETCHED),
            )
        except WorkFailed as error:
            verdict = {"reasons": [reason(f"the data {error}: take fewer rows or columns")]}
        if not verdict["reasons"]:
            verdict["reasons"] = _quota_reasons(ingest, file.stat().st_size)
        if verdict["reasons"]:
            return _rejection(ingest, tuple(verdict["reasons"]))
        database, size = ingest.context.database, file.stat().st_size
        raw = counted_put(database, lambda: storage.put_stream(ObjectKind.UPLOAD, _chunks(file), limit_bytes=size))
        index = counted_put(database, lambda: storage.put_directory(ObjectKind.INDEX, directory))
    values = {**ready_values(verdict, index), **raw_values(raw), "origin_version": fetched.version}
    return _next_version(ingest, values) if ingest.refresh else acceptance(ingest.dataset, values)


def _fetch(ingest: _Ingest, work: Path) -> _Fetched | None:
    """Get the rows; None when the origin says that they are those of the known version."""
    with ingest.context.database.read() as connection:
        project = own_name(connection)
    if isinstance(ingest.origin, QueryOrigin):
        return _fetch_rows(ingest, ingest.origin, work / "rows", project)
    return _fetch_file(ingest, ingest.origin, work / "file", project)


def _fetch_rows(ingest: _Ingest, origin: QueryOrigin, path: Path, project: str) -> _Fetched:
    limits, reporter = ingest.context.limits, ingest.reporter
    reporter.progress(0.0, f"runs the query on {origin.connection}")
    rows = ingest.context.sources.run_query(
        origin.connection,
        origin.query,
        path,
        project=project,
        limits=QueryLimits(
            cells=limits.cells,
            columns=limits.columns,
            name_characters=limits.column_name_characters,
            bytes=limits.upload_bytes,
            seconds=limits.query_seconds,
        ),
        should_stop=lambda: reporter.should_stop() is not None,
        arrived=lambda count: _arrived(reporter, f"{count:,} rows are here"),
    )
    return _Fetched(path, rows.version, rows)


def _fetch_file(ingest: _Ingest, origin: FileOrigin, path: Path, project: str) -> _Fetched | None:
    reporter = ingest.reporter
    reporter.progress(0.0, f"copies the file from {origin.root}")
    version = ingest.context.sources.fetch_file(
        origin,
        path,
        project=project,
        file_format=ingest.dataset.file_format,
        known_version=(ingest.known and ingest.known.origin_version) or "",
        most_bytes=ingest.context.limits.upload_bytes,
        should_stop=lambda: reporter.should_stop() is not None,
        arrived=lambda count: _arrived(reporter, f"{count:,} bytes are here"),
    )
    return None if version is None else _Fetched(path, version)


def _arrived(reporter: JobReporter, message: str) -> None:
    """Nobody knows how much will come: the message moves, and not the share."""
    stop = reporter.should_stop()
    if stop is not None:
        raise Interrupted(stop)
    reporter.progress(0.0, message)


def _read(ingest: _Ingest, fetched: _Fetched, file: Path, directory: Path, progress: IngestProgress) -> dict[str, Any]:
    """Write the index into the directory; the verdict as JSON values."""
    context, dataset, limits = ingest.context, ingest.dataset, ingest.context.limits
    share = 0.0
    if fetched.rows is not None:
        if not fetched.rows.rows:
            return {"reasons": [reason("the query has no rows")]}
        share, limits = WRITTEN, limits.model_copy(update={"unpack_ratio": ANY_RATIO})
        reasons = write_parquet(
            fetched.path,
            fetched.rows.columns,
            file,
            progress=lambda done: progress(WRITTEN * done, "writing the rows with their types"),
        )
        if reasons:
            return {"reasons": list(reasons)}
        fetched.path.unlink()
    to_read = FileToRead(file, dataset.file_format, ingest.origin.options, limits)

    def rest(done: float, message: str) -> None:
        progress(share + (1 - share) * done, message)

    return read_file(context, dataset, to_read, directory, rest)


def _quota_reasons(ingest: _Ingest, size: int) -> list[Reason]:
    """Only now it is known how large the file is."""
    with ingest.context.database.read() as connection:
        quota = read_quotas(connection, lock=False).stored_bytes
        used = read_usage(connection).stored_bytes
    if quota is None or used + size <= quota:
        return []
    left = max(0, quota - used)
    return [
        reason(
            f"the project may store {quota:,} bytes, {left:,} are left and this needs {size:,}: "
            "delete data sets, models or predictions"
        )
    ]


def _rejection(ingest: _Ingest, reasons: tuple[Reason, ...]) -> JobOutcome:
    """A new data set is REJECTED. A refresh fails, and makes nothing: what was READY is not replaced by a fault."""
    if not ingest.refresh:
        return rejection(ingest.dataset, reasons)
    message = "; ".join(
        f"{item['column']}: {item['detail']}" if item["column"] else str(item["detail"]) for item in reasons
    )
    hint = "correct this, then refresh again; the versions that there are stay as they are"
    raise JobFailed(ErrorCode.DATASET_REJECTED, message, hint=hint)


def _unchanged(ingest: _Ingest) -> JobOutcome:
    """The result is the version that there is."""
    known = ingest.known or ingest.dataset
    return JobOutcome(store=lambda connection, fence: known.id, rows_used=known.rows or 0)


def _next_version(ingest: _Ingest, values: dict[str, Any]) -> JobOutcome:
    """A new READY data set, unless another refresh has stored the same bytes in the meantime."""
    dataset = ingest.dataset

    def store(connection: Connection, fence: AttemptFence) -> int:
        lock_versions(connection, "dataset", dataset.name)
        newest = datasets.newest_from(connection, dataset.name, dataset.origin_sha256 or "")
        if newest is not None and newest.raw_sha256 == values["raw_sha256"]:
            return newest.id
        new_id = datasets.insert_dataset(
            connection,
            name=dataset.name,
            file_format=dataset.file_format,
            time_column=dataset.time_column,
            phase_column=dataset.phase_column,
            group_column=dataset.group_column,
            origin=dataset.origin,
            origin_sha256=dataset.origin_sha256,
            created_by=ingest.job.created_by,
            **{name: values[name] for name in ("raw_key", "raw_sha256", "raw_bytes", "put_after")},
        )
        datasets.attach_job(connection, new_id, fence.job_id)
        datasets.mark_ready(connection, new_id, **values)
        return new_id

    return JobOutcome(store=store, rows_used=values["rows"])


def _newest(context: WorkerContext, dataset: Dataset) -> Dataset | None:
    with context.database.read() as connection:
        return datasets.newest_from(connection, dataset.name, dataset.origin_sha256 or "")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
