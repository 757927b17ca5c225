"""Says what a PENDING job waits for, when somebody looks at it; nothing of it is stored."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from ml_training.db import heartbeats
from ml_training.db.project_counters import read_usage
from ml_training.db.projects import read_quotas
from ml_training.db.queue_place import count_before, seconds_until
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.services.resources import Resources

MOST_BEFORE = 1_000


def with_reason(resources: Resources, job: Job) -> Job:
    """The job; the progress message of a PENDING one says what it waits for. Raises Unavailable."""
    if job.status is not JobStatus.PENDING:
        return job
    with resources.database.read() as connection:
        return replace(job, progress_message=_reason(connection, resources, job))


def _reason(connection: Connection, resources: Resources, job: Job) -> str:
    if seconds_until(connection, job.run_after) > 0:
        until = datetime.fromtimestamp(job.run_after, UTC).strftime("%H:%M:%S")
        return f"{job.progress_message or 'waits'}; not before {until} UTC"
    within = resources.heartbeat_dead_seconds
    if not heartbeats.count_slots(connection, within_seconds=within):
        foreign = heartbeats.storage_troubles(connection, within_seconds=within, kinds=("worker",))
        why = "no worker can use the storage of the service" if foreign else "no worker is running"
        return f"waits for a worker: {why}"
    if (limit := _running_limit(connection)) is not None:
        return f"waits: the project runs {limit:,} jobs, as many as it may"
    before = count_before(connection, priority=job.priority, job_id=job.id, at_most=MOST_BEFORE)
    first = job.progress_message or "waits for a free worker"
    if not before:
        return f"{first}; it is the next one"
    count = f"{before:,} or more jobs" if before >= MOST_BEFORE else f"{before:,} job{'s' if before > 1 else ''}"
    return f"{first}; {count} before it"


def _running_limit(connection: Connection) -> int | None:
    """How many jobs the project may run, when it runs as many; else None."""
    limit = read_quotas(connection, lock=False).running_jobs
    return limit if limit is not None and read_usage(connection).running_jobs >= limit else None
