"""Which worker did not find stored bytes of a job."""

from sqlalchemy import Connection, select, update

from ml_training.db.tables import jobs
from ml_training.domain.states import JobStatus


def missed_by(connection: Connection, job_id: int) -> str | None:
    """The worker that missed an object of the job last; None when none has."""
    return connection.execute(select(jobs.c.object_missed_by).where(jobs.c.id == job_id)).scalar()


def record_miss(connection: Connection, *, job_id: int, attempt: int, worker: str) -> None:
    """Record that the worker of the running attempt missed one; nothing when the attempt has lost the job."""
    fence = (jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING)
    connection.execute(update(jobs).where(*fence).values(object_missed_by=worker))
