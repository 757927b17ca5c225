"""The ends of a job and the ways back to the queue; each is one compare-and-set inside the caller's transaction.

An INGEST job takes its data set along: when it ends without a verdict the data set is REJECTED with that reason.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, jobs, ledger
from ml_training.db.events import append_events
from ml_training.domain.errors import Conflict, ErrorCode, NotFound
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason, decide
from ml_training.domain.states import JobStatus, JobType
from ml_training.logs import get_logger
from ml_training.services.core import Core

log = get_logger(__name__)
POISON = JobError(
    ErrorCode.POISON,
    "three attempts within 72 hours lost their worker",
    "the job probably needs more memory than a worker has: use fewer rows, columns or leaves, then submit it again",
)


@dataclass(frozen=True, slots=True)
class Held:
    """The fence of a RUNNING job: which attempt of which job may write."""

    job_id: int
    attempt: int
    job_type: JobType
    dataset_id: int | None

    @classmethod
    def of(cls, job: Job) -> "Held":
        """The fence of a job that was just claimed."""
        return cls(job.id, job.attempt, job.job_type, job.dataset_id)


def request_cancel(core: Core, job_id: int) -> Job:
    """Cancel a PENDING job at once, ask a RUNNING one to stop; raises NotFound, or Conflict when it has ended."""
    with core.database.write() as connection:
        job = jobs.request_cancel(connection, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        if job.status in (JobStatus.COMPLETED, JobStatus.FAILED):
            raise Conflict(f"job {job_id} is {job.status.value} already")
        if job.status is JobStatus.CANCELLED:
            _reject_dataset(connection, Held.of(job), "the ingest was cancelled")
    return job


def fail(connection: Connection, held: Held, error: JobError) -> bool:
    """RUNNING -> FAILED; False when the attempt has lost the job."""
    done = jobs.fail(connection, job_id=held.job_id, attempt=held.attempt, error=error)
    if done:
        _reject_dataset(connection, held, error.message)
        _journal_end(connection, held, JobStatus.FAILED)
    return done


def cancel(connection: Connection, held: Held) -> bool:
    """RUNNING -> CANCELLED; False when the attempt has lost the job."""
    done = jobs.cancel_running(connection, job_id=held.job_id, attempt=held.attempt)
    if done:
        _reject_dataset(connection, held, "the ingest was cancelled")
        _journal_end(connection, held, JobStatus.CANCELLED)
    return done


def give_back(connection: Connection, held: Held, reason: EndReason, *, jitter: float = 1.0) -> bool:
    """RUNNING -> PENDING after an attempt without a verdict, or FAILED `poison` at the cap; False when fenced.

    A job with a cancel request is CANCELLED instead: waiting, it would never be claimed.
    """
    seen = jobs.hold(connection, job_id=held.job_id, attempt=held.attempt)
    if seen is None:
        return False
    if seen.cancel_requested:
        return cancel(connection, held)
    tries = held.attempt
    if reason.is_charged:
        tries = ledger.charge_lost_attempt(connection, job_id=held.job_id, attempt=held.attempt, reason=reason.value)
    decision = decide(reason, tries, jitter=jitter)
    if decision.error_code is not None:
        return fail(connection, held, POISON)
    return jobs.hand_back(
        connection, job_id=held.job_id, attempt=held.attempt, delay=decision.delay, message=f"waiting: {reason.value}"
    )


def count_refusal(connection: Connection, held: Held, what: str) -> None:
    """Count a write that the fence refused, unless it was only this attempt's own end that went before.

    The lease thread may look once more after the verdict or the hand-back, and the answer to our own COMMIT may have
    been lost: then the row already says what this attempt wanted. Whoever was reaped is late, whatever came of the job.
    """
    job = jobs.get_job(connection, held.job_id)
    was_taken = job is None or job.attempt != held.attempt
    if was_taken or ledger.was_lost(connection, job_id=held.job_id, attempt=held.attempt):
        log.warning("late_write_refused", job_id=held.job_id, attempt=held.attempt, what=what)
        ledger.count_refused_write(connection, what)


def _journal_end(connection: Connection, held: Held, status: JobStatus) -> None:
    append_events(connection, job_id=held.job_id, attempt=held.attempt, events=[("end", {"status": status.value})])


def _reject_dataset(connection: Connection, held: Held, detail: str) -> None:
    if held.job_type is JobType.INGEST and held.dataset_id is not None:
        datasets.mark_rejected(connection, held.dataset_id, [{"row": None, "column": None, "detail": detail}])
