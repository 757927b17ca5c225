"""Records as JSON: one explicit function each, so that a new column is never shown by accident."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ml_training.domain.records import Comparison, Dataset, Job, JobEvent, Model, TestResult
from ml_training.domain.sample_datasets import Sample
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.services.job_updates import END, JobUpdate, State
from ml_training.services.queries import Page

T = TypeVar("T")
Json = dict[str, Any]
RESULT_NAMES = {
    JobType.TRAIN: "model_id",
    JobType.TEST: "test_result_id",
    JobType.COMPARE: "comparison_id",
    JobType.INGEST: "dataset_id",
}


def rfc3339(seconds: float) -> str:
    """Unix seconds as UTC text with microseconds: 2026-01-31T12:00:00.000000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def maybe_rfc3339(seconds: float | None) -> str | None:
    """As rfc3339, None for None."""
    return None if seconds is None else rfc3339(seconds)


def page(found: Page[T], render: Callable[[T], Json]) -> Json:
    """A page of things."""
    return {"items": [render(item) for item in found.items], "next_cursor": found.next_cursor}


def job(record: Job) -> Json:
    """A job."""
    is_completed = record.status is JobStatus.COMPLETED
    error = record.error
    return {
        "id": record.id,
        "job_type": record.job_type,
        "model_type": record.model_type,
        "status": record.status,
        "progress": record.progress,
        "progress_message": record.progress_message,
        "eta_seconds": record.eta_seconds,
        "attempt": record.attempt,
        "cancel_requested": record.cancel_requested,
        "dataset_id": record.dataset_id,
        "priority": record.priority,
        "max_runtime_seconds": record.max_runtime_seconds,
        "features_count": record.features_count,
        "phases_count": record.phases_count,
        "queue_wait_seconds": record.queue_wait_seconds,
        "created_at": rfc3339(record.created_at),
        "started_at": maybe_rfc3339(record.started_at),
        "finished_at": maybe_rfc3339(record.finished_at),
        "worker": record.worker,
        "result": {RESULT_NAMES[record.job_type]: record.result_id} if is_completed else None,
        "error": error and {"code": error.code, "message": error.message, "hint": error.hint},
        "spec": record.spec,
    }


def news(item: JobUpdate) -> tuple[str, Json]:
    """What happened to a job: the kind of the event and its data."""
    if isinstance(item, State):
        return "progress", {
            "status": item.status,
            "progress": item.progress,
            "progress_message": item.progress_message,
            "eta_seconds": item.eta_seconds,
            "attempt": item.attempt,
        }
    told = {"attempt": item.attempt, "at": rfc3339(item.at)}
    if isinstance(item, JobEvent):
        return item.kind, {**item.body, **told}
    return END, {"status": item.status, **told}


def log_line(record: JobEvent) -> Json:
    """A line of a job's log."""
    return {"seq": record.seq, "attempt": record.attempt, "at": rfc3339(record.at), "line": record.body["line"]}


def dataset_summary(record: Dataset) -> Json:
    """A data set without its profile, which may be long."""
    return {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "status": record.status,
        "file_format": record.file_format,
        "time_column": record.time_column,
        "phase_column": record.phase_column,
        "group_column": record.group_column,
        "bytes": record.raw_bytes,
        "sha256": record.raw_sha256,
        "rows": record.rows,
        "columns": record.columns,
        "reasons": list(record.reasons),
        "job_id": record.job_id,
        "created_at": rfc3339(record.created_at),
    }


def dataset(record: Dataset) -> Json:
    """A data set."""
    return dataset_summary(record) | {"profile": record.profile}


def sample(value: Sample) -> Json:
    """A sample data set."""
    return {
        "sample": value.name,
        "description": value.description,
        "rows": value.rows,
        "columns": value.columns,
        "task": value.task,
        "target": value.target,
    }


def model_summary(record: Model) -> Json:
    """A model without details and lineage, which may be long."""
    return {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "model_type": record.model_type,
        "task": record.task,
        "job_id": record.job_id,
        "dataset_id": record.dataset_id,
        "dataset_sha256": record.dataset_sha256,
        "artifact_sha256": record.artifact_sha256,
        "artifact_bytes": record.artifact_bytes,
        "scores": record.scores,
        "train_accuracy": record.train_accuracy,
        "test_accuracy": record.test_accuracy,
        "description": record.description,
        "tags": list(record.tags),
        "aliases": list(record.aliases),
        "created_at": rfc3339(record.created_at),
    }


def model(record: Model) -> Json:
    """A model."""
    return model_summary(record) | {"details": record.details, "lineage": record.lineage}


def test_result_summary(record: TestResult) -> Json:
    """A test result without details, which may be long."""
    return {
        "id": record.id,
        "job_id": record.job_id,
        "model_id": record.model_id,
        "dataset_id": record.dataset_id,
        "rows": record.rows,
        "scores": record.scores,
        "overlap": record.overlap,
        "degradation": record.degradation,
        "overfitted": record.overfitted,
        "accuracy": record.accuracy,
        "created_at": rfc3339(record.created_at),
    }


def test_result(record: TestResult) -> Json:
    """A test result."""
    return test_result_summary(record) | {"details": record.details}


def comparison(record: Comparison) -> Json:
    """A comparison."""
    return {
        "id": record.id,
        "job_id": record.job_id,
        "dataset_id": record.dataset_id,
        "metric": record.metric,
        "rows": record.rows,
        "winner_model_id": record.winner_model_id,
        "ranking": list(record.ranking),
        "significance": record.significance,
        "created_at": rfc3339(record.created_at),
    }
