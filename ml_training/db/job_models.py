"""Which models a job names: they cannot be deleted until the job has ended."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, insert, select

from ml_training.db.project_scope import own
from ml_training.db.tables import job_models, jobs
from ml_training.domain.states import JobStatus


def record_models(connection: Connection, named: Collection[tuple[int, int]]) -> None:
    """Record (job, model) for each model that a job names; the caller has locked them (`results.lock_models`)."""
    if named:
        connection.execute(insert(job_models), [{"job_id": job_id, "model_id": model_id} for job_id, model_id in named])


def uses_model(connection: Connection, model_id: int) -> bool:
    """Whether a job that has not ended needs the model."""
    named = own(jobs), job_models.c.job_id == jobs.c.id, job_models.c.model_id == model_id
    live = jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING])
    return bool(connection.execute(select(exists().where(*named, live))).scalar())
