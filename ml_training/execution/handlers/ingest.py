"""The handler of INGEST: parse and profile an uploaded file. A bad file is a result (REJECTED), not a failed job."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.file_options import FileOptions
from ml_training.domain.records import Dataset, Job
from ml_training.domain.sample_datasets import SAMPLE_FORMAT
from ml_training.domain.specs import IngestSpec
from ml_training.execution.forked_work import WorkFailed
from ml_training.execution.handlers.ingest_origin import ingest_from_origin
from ml_training.execution.handlers.ingest_verdict import (
    FileToRead,
    acceptance,
    progress_of,
    raw_values,
    read_file,
    ready_values,
    rejection,
)
from ml_training.execution.inputs import load_dataset, unusable_object
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.process.counted_put import counted_put
from ml_training.storage.base import ObjectKind, Storage
from ml_training.tabular.ingest_result import reason
from ml_training.tabular.sample_files import write_sample


def run_ingest(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Make the data set READY or REJECTED; a refresh makes a new one if what it came from has changed."""
    if job.dataset_id is None:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored job names no data set")
    dataset, spec = load_dataset(context.database, job.dataset_id), _spec(job)
    if dataset.origin is not None:
        return ingest_from_origin(context, job, dataset, reporter, refresh=spec.refresh)
    return _ingest(context, dataset, spec.options, reporter)


def _spec(job: Job) -> IngestSpec:
    try:
        return IngestSpec.model_validate(job.spec)
    except ValidationError as error:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored job cannot be read") from error


def _ingest(context: WorkerContext, dataset: Dataset, options: FileOptions, reporter: JobReporter) -> JobOutcome:
    storage = context.storage
    _check_upload(storage, dataset)
    with storage.scratch() as directory, storage.scratch() as materialised, storage.local(dataset.raw_key) as upload:
        path, file_format, raw = upload, dataset.file_format, {}
        if file_format == SAMPLE_FORMAT:
            path, file_format = materialised / "sample", "csv"
            raw = _materialise(context, dataset, path)
        file = FileToRead(path, file_format, options, context.limits)
        try:
            verdict = context.run_work(
                lambda progress: read_file(context, dataset, file, directory, progress), progress=progress_of(reporter)
            )
        except WorkFailed as error:
            verdict = {"reasons": [reason(f"the file {error}: split it, or leave columns out")]}
        _check_upload(storage, dataset)  # again: the bytes that were parsed are the bytes that were uploaded
        if verdict["reasons"]:
            return rejection(dataset, tuple(verdict["reasons"]))
        stored = counted_put(context.database, lambda: storage.put_directory(ObjectKind.INDEX, directory))
    return acceptance(dataset, ready_values(verdict, stored) | raw)


def _check_upload(storage: Storage, dataset: Dataset) -> None:
    if not storage.verify_local(dataset.raw_key, dataset.raw_sha256):
        error = unusable_object(storage, dataset.raw_key)
        raise error(ErrorCode.INTEGRITY, "the uploaded bytes are damaged or gone", hint="upload the file again")


def _materialise(context: WorkerContext, dataset: Dataset, path: Path) -> dict[str, Any]:
    """Write the sample's bytes, which become the raw bytes of the data set."""
    storage = context.storage
    request = json.loads(storage.read_bytes(dataset.raw_key, sha256=dataset.raw_sha256))
    write_sample(request["sample"], path)
    return raw_values(counted_put(context.database, lambda: storage.put_bytes(ObjectKind.UPLOAD, path.read_bytes())))
