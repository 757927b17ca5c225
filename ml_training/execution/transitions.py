"""The ends of a job and the ways back to the queue; each is one compare-and-set inside the caller's transaction.

An INGEST job takes its data set along: when it ends without a verdict the data set is REJECTED with that reason.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, jobs, ledger
from ml_training.db.job_events import append_events
from ml_training.domain.errors import Conflict, ErrorCode, NotFound
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason, decide
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.logs import get_logger
from ml_training.services.resources import Resources

log = get_logger(__name__)
POISON = JobError(
    ErrorCode.POISON,
    "three attempts within 72 hours lost their worker",
    "the job probably needs more memory than a worker has: use fewer rows, columns or leaves, then submit it again",
)


@dataclass(frozen=True, slots=True)
class AttemptFence:
    """The fence of a RUNNING job: which attempt of which job may write."""

    job_id: int
    attempt: int
    job_type: JobType
    dataset_id: int | None

    @classmethod
    def of(cls, job: Job) -> "AttemptFence":
        """The fence of a job that was just claimed."""
        return cls(job.id, job.attempt, job.job_type, job.dataset_id)


def request_cancel(resources: Resources, job_id: int) -> Job:
    """Cancel a PENDING job at once, ask a RUNNING one to stop; raises NotFound, or Conflict when it has ended."""
    with resources.database.write() as connection:
        job = jobs.request_cancel(connection, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        if job.status in (JobStatus.COMPLETED, JobStatus.FAILED):
            raise Conflict(f"job {job_id} is {job.status.value} already")
        if job.status is JobStatus.CANCELLED:
            _reject_dataset(connection, AttemptFence.of(job), "the ingest was cancelled")
    return job


def fail(connection: Connection, fence: AttemptFence, error: JobError) -> bool:
    """RUNNING -> FAILED; False when the attempt has lost the job."""
    done = jobs.fail(connection, job_id=fence.job_id, attempt=fence.attempt, error=error)
    if done:
        _reject_dataset(connection, fence, error.message)
        _append_end_event(connection, fence, JobStatus.FAILED)
    return done


def cancel(connection: Connection, fence: AttemptFence) -> bool:
    """RUNNING -> CANCELLED; False when the attempt has lost the job."""
    done = jobs.cancel_running(connection, job_id=fence.job_id, attempt=fence.attempt)
    if done:
        _reject_dataset(connection, fence, "the ingest was cancelled")
        _append_end_event(connection, fence, JobStatus.CANCELLED)
    return done


def hand_back(connection: Connection, fence: AttemptFence, reason: EndReason, *, jitter: float = 1.0) -> bool:
    """RUNNING -> PENDING after an attempt without a verdict, or FAILED `poison` at the cap; False when fenced.

    A job with a cancel request is CANCELLED instead: waiting, it would never be claimed.
    """
    seen = jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt)
    if seen is None:
        return False
    if seen.cancel_requested:
        return cancel(connection, fence)
    tries = fence.attempt
    if reason.is_charged:
        tries = ledger.charge_lost_attempt(connection, job_id=fence.job_id, attempt=fence.attempt, reason=reason.value)
    decision = decide(reason, tries, jitter=jitter)
    if decision.error_code is not None:
        return fail(connection, fence, POISON)
    return jobs.hand_back(
        connection, job_id=fence.job_id, attempt=fence.attempt, delay=decision.delay, message=f"waiting: {reason.value}"
    )


def count_refusal(connection: Connection, fence: AttemptFence, what: str) -> None:
    """Count a write that the fence refused, unless it was only this attempt's own end that went before.

    The lease thread may look once more after the verdict or the hand-back, and the answer to our own COMMIT may have
    been lost: then the row already says what this attempt wanted. Whoever was reaped is late, whatever came of the job.
    """
    job = jobs.get_job(connection, fence.job_id)
    was_taken = job is None or job.attempt != fence.attempt
    if was_taken or ledger.was_lost(connection, job_id=fence.job_id, attempt=fence.attempt):
        log.warning("late_write_refused", job_id=fence.job_id, attempt=fence.attempt, what=what)
        ledger.count_refused_write(connection, what)


def _append_end_event(connection: Connection, fence: AttemptFence, status: JobStatus) -> None:
    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=[("end", {"status": status.value})])


def _reject_dataset(connection: Connection, fence: AttemptFence, detail: str) -> None:
    if fence.job_type is JobType.INGEST and fence.dataset_id is not None:
        datasets.mark_rejected(connection, fence.dataset_id, [{"row": None, "column": None, "detail": detail}])
