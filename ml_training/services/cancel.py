"""Cancels a job: a PENDING one at once, a RUNNING one by a request that its lease thread reads."""

from ml_training.db import jobs
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import Conflict, NotFound
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.execution.transitions import AttemptFence, reject_dataset
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.resources import Resources


def request_cancel(resources: Resources, job_id: int) -> Job:
    """The job as it is after the request.

    Raises NotFound, Forbidden (another key made it), or Conflict when it has COMPLETED or FAILED.
    """
    with audited_change(resources.database, resources.caller, AuditAction.JOB_CANCEL, job_id) as change:
        job = jobs.request_cancel(change.connection, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        require_owner(resources.caller, job.created_by, f"job {job_id}")  # a refusal rolls the request back
        if job.status in (JobStatus.COMPLETED, JobStatus.FAILED):
            raise Conflict(f"job {job_id} is {job.status.value} already")
        if job.status is JobStatus.CANCELLED:
            reject_dataset(change.connection, AttemptFence.of(job), "the ingest was cancelled")
    return job
