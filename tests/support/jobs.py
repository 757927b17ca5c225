"""Job rows and simple handlers for tests of the guards."""

from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, jobs, results
from ml_training.db.engine import Database
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.storage.base import StoredObject


def in_project(database: Database) -> Database:
    """The database for its project, by default the first one."""
    return database.of(database.project_id or DEFAULT_PROJECT_ID)


def store_dataset(database: Database, *, name: str = "data") -> int:
    """A PROCESSING data set without bytes."""
    with in_project(database).write() as connection:
        return datasets.insert_dataset(
            connection,
            name=name,
            file_format="csv",
            raw_key="uploads/none",
            raw_sha256="0" * 64,
            raw_bytes=0,
            time_column=None,
            phase_column=None,
            group_column=None,
        )


def store_job(database: Database, *, dataset_id: int, **values: Any) -> int:
    """A PENDING TRAIN job; any column can be chosen."""
    row = {
        "job_type": JobType.TRAIN,
        "model_type": "lightgbm",
        "spec": {},
        "dataset_id": dataset_id,
        "priority": 5,
        "max_runtime_seconds": 3600.0,
        "phases_count": 0,
        **values,
    }
    with in_project(database).write() as connection:
        return jobs.insert_job(connection, **row)


def read_job(database: Database, job_id: int) -> Job:
    """The job as it is now."""
    with in_project(database).read() as connection:
        job = jobs.get_job(connection, job_id)
    assert job is not None
    return job


def a_model(job: Job, *, accuracy: float | None = 0.9, stored: StoredObject | None = None) -> JobOutcome:
    """The outcome of a job that trained a model, without bytes unless they are `stored`."""

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_model(
            connection,
            name="model",
            model_type="lightgbm",
            task="binary",
            job_id=fence.job_id,
            attempt=fence.attempt,
            dataset_id=job.dataset_id,
            dataset_sha256="0" * 64,
            artifact_key=stored.key if stored else f"artifacts/{fence.job_id}-{fence.attempt}",
            artifact_sha256=stored.sha256 if stored else "0" * 64,
            artifact_bytes=0,
            put_after=stored.put_after if stored else None,
            scores={},
            details={},
            lineage={},
            train_accuracy=accuracy,
            test_accuracy=accuracy,
        )

    return JobOutcome(store=store, rows_used=100)


def train_at_once(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """A handler that returns immediately."""
    reporter.progress(0.5, "half way", eta_seconds=None)
    return a_model(job)
