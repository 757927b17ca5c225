"""Which models a job names: as long as it has not ended, they cannot be deleted."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, insert, select

from ml_training.db.tables import job_models, jobs
from ml_training.domain.states import JobStatus


def record_models(connection: Connection, job_id: int, model_ids: Collection[int]) -> None:
    """Write down which models the job names; the caller holds them (`registry.hold_models`)."""
    if model_ids:
        connection.execute(insert(job_models), [{"job_id": job_id, "model_id": model_id} for model_id in model_ids])


def uses_model(connection: Connection, model_id: int) -> bool:
    """Whether a job that has not ended needs the model."""
    named = job_models.c.job_id == jobs.c.id, job_models.c.model_id == model_id
    live = jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING])
    return bool(connection.execute(select(exists().where(*named, live))).scalar())
