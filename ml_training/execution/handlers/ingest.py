"""The handler of INGEST: parse and profile an uploaded file. A bad file is a result (REJECTED), not a failed job."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from ml_training.db import datasets
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed
from ml_training.domain.file_options import FileOptions
from ml_training.domain.records import Dataset, Job
from ml_training.domain.sample_datasets import SAMPLE_FORMAT
from ml_training.domain.specs import IngestSpec
from ml_training.execution.forked_work import WorkFailed
from ml_training.execution.inputs import load_dataset, unusable_object
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.storage.base import ObjectKind, Storage, StoredObject
from ml_training.tabular.ingest import read_table
from ml_training.tabular.ingest_result import IngestProgress, Reason, reason
from ml_training.tabular.sample_files import write_sample


@dataclass(frozen=True, slots=True)
class UploadToRead:
    """A file that a user has sent, and what the user says about it."""

    path: Path
    file_format: str
    options: FileOptions


def run_ingest(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Make the data set READY or REJECTED."""
    if job.dataset_id is None:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored job names no data set")
    dataset = load_dataset(context.database, job.dataset_id)
    return _ingest(context, dataset, _options(job), reporter)


def _options(job: Job) -> FileOptions:
    try:
        return IngestSpec.model_validate(job.spec).options
    except ValidationError as error:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored job cannot be read") from error


def _ingest(context: WorkerContext, dataset: Dataset, options: FileOptions, reporter: JobReporter) -> JobOutcome:
    storage = context.storage
    _check_upload(storage, dataset)
    with storage.scratch() as directory, storage.scratch() as materialised, storage.local(dataset.raw_key) as upload:
        path, file_format, raw = upload, dataset.file_format, {}
        if file_format == SAMPLE_FORMAT:
            path, file_format = materialised / "sample", "csv"
            raw = _materialise(storage, dataset, path)
        file = UploadToRead(path, file_format, options)
        try:
            verdict = context.run_work(
                lambda progress: _read(context, dataset, file, directory, progress), progress=_progress(reporter)
            )
        except WorkFailed as error:
            verdict = {"reasons": [reason(f"the file {error}: split it, or leave columns out")]}
        _check_upload(storage, dataset)  # again: the bytes that were parsed are the bytes that were uploaded
        if verdict["reasons"]:
            return _rejection(dataset, tuple(verdict["reasons"]))
        stored = storage.put_directory(ObjectKind.INDEX, directory)
    return _acceptance(dataset, verdict, stored, raw)


def _read(
    context: WorkerContext, dataset: Dataset, file: UploadToRead, directory: Path, progress: IngestProgress
) -> dict[str, Any]:
    """Write the index into the directory; the verdict as JSON values."""
    verdict = read_table(
        file.path,
        file.file_format,
        limits=context.limits,
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


def _check_upload(storage: Storage, dataset: Dataset) -> None:
    if not storage.verify(dataset.raw_key, dataset.raw_sha256):
        error = unusable_object(storage, dataset.raw_key)
        raise error(ErrorCode.INTEGRITY, "the uploaded bytes are damaged or gone", hint="upload the file again")


def _acceptance(dataset: Dataset, verdict: dict[str, Any], stored: StoredObject, raw: dict[str, Any]) -> JobOutcome:
    def store(connection: Connection, fence: AttemptFence) -> int:
        datasets.mark_ready(
            connection,
            dataset.id,
            index_key=stored.key,
            index_sha256=stored.sha256,
            index_bytes=stored.size,
            rows=verdict["rows"],
            columns=verdict["columns"],
            profile=verdict["profile"],
            **raw,
        )
        return dataset.id

    return JobOutcome(store=store, rows_used=verdict["rows"])


def _rejection(dataset: Dataset, reasons: tuple[Reason, ...]) -> JobOutcome:
    def store(connection: Connection, fence: AttemptFence) -> int:
        datasets.mark_rejected(connection, dataset.id, reasons)
        return dataset.id

    return JobOutcome(store=store, rows_used=0)


def _materialise(storage: Storage, dataset: Dataset, path: Path) -> dict[str, Any]:
    """Write the sample's bytes, which become the raw bytes of the data set."""
    request = json.loads(storage.read_bytes(dataset.raw_key, sha256=dataset.raw_sha256))
    write_sample(request["sample"], path)
    stored = storage.put_bytes(ObjectKind.UPLOAD, path.read_bytes())
    return {"raw_key": stored.key, "raw_sha256": stored.sha256, "raw_bytes": stored.size}


def _progress(reporter: JobReporter) -> Any:
    def progress(fraction: float, message: str) -> None:
        reason = reporter.should_stop()
        if reason is not None:
            raise Interrupted(reason)
        reporter.progress(fraction, message)

    return progress
