"""The transitions of a RUNNING job: FAILED, CANCELLED or back to PENDING; each is one compare-and-set.

They run inside the caller's transaction. When an INGEST job ends without a result, its data set becomes REJECTED.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import datasets, heartbeats, jobs, ledger, missing_objects
from ml_training.db.job_events import append_events
from ml_training.domain.errors import ErrorCode
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason, decide
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.logs import get_logger

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


def fail(connection: Connection, fence: AttemptFence, error: JobError) -> bool:
    """RUNNING -> FAILED; False when the attempt has lost the job."""
    done = jobs.fail(connection, job_id=fence.job_id, attempt=fence.attempt, error=error)
    if done:
        reject_dataset(connection, fence, error.message)
        _append_end_event(connection, fence, JobStatus.FAILED)
    return done


def cancel(connection: Connection, fence: AttemptFence) -> bool:
    """RUNNING -> CANCELLED; False when the attempt has lost the job."""
    done = jobs.cancel_running(connection, job_id=fence.job_id, attempt=fence.attempt)
    if done:
        reject_dataset(connection, fence, "the ingest was cancelled")
        _append_end_event(connection, fence, JobStatus.CANCELLED)
    return done


def hand_back(connection: Connection, fence: AttemptFence, reason: EndReason, *, jitter: float = 1.0) -> bool:
    """RUNNING -> PENDING after an attempt without a result, or FAILED `poison` at the cap; False when fenced.

    A job with a cancel request becomes CANCELLED instead: as PENDING it would never be claimed.
    """
    signals = jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt)
    if signals is None:
        return False
    if signals.cancel_requested:
        return cancel(connection, fence)
    tries = fence.attempt
    if reason.is_charged:
        tries = ledger.charge_lost_attempt(connection, job_id=fence.job_id, attempt=fence.attempt, reason=reason.value)
    decision = decide(reason, tries, jitter=jitter)
    if decision.error_code is not None:
        return fail(connection, fence, POISON)
    return jobs.hand_back(
        connection, job_id=fence.job_id, attempt=fence.attempt, delay=decision.delay, message=reason.message
    )


def wait_for_children(
    connection: Connection, fence: AttemptFence, new_children: int, *, progress: float, message: str
) -> bool:
    """RUNNING -> PENDING until the jobs that a study has made have ended; False when fenced."""
    fenced = {"job_id": fence.job_id, "attempt": fence.attempt}
    done = jobs.wait_for_children(connection, **fenced, new_children=new_children, progress=progress, message=message)
    if done:
        ledger.forgive_losses(connection, fence.job_id)
    return done


def miss_object(
    connection: Connection, fence: AttemptFence, error: JobError, *, worker: str, alive_seconds: float, jitter: float
) -> bool:
    """A worker did not find stored bytes of the job: RUNNING -> PENDING, and FAILED once that is confirmed.

    Confirmed: another worker has missed them too, or there is no other one and this one misses them again. A storage
    that one machine sees wrongly, such as an old copy with the right id, must not end the jobs of all others.
    """
    if jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt) is None:
        return False
    before = missing_objects.missed_by(connection, fence.job_id)
    if before is not None and (
        before != worker or not heartbeats.has_other_worker(connection, worker, within_seconds=alive_seconds)
    ):
        return fail(connection, fence, error)
    missing_objects.record_miss(connection, job_id=fence.job_id, attempt=fence.attempt, worker=worker)
    return hand_back(connection, fence, EndReason.MISSING_OBJECT, jitter=jitter)


def count_refusal(connection: Connection, fence: AttemptFence, what: str) -> None:
    """Count a write that the fence refused, unless this attempt itself has ended the job before.

    The lease thread may poll once more after the result or the hand-back, and the answer to our own COMMIT may have
    been lost: then the row already says what this attempt wanted. An attempt that was reaped is always late.
    """
    job = jobs.get_job(connection, fence.job_id)
    was_taken = job is None or job.attempt != fence.attempt
    if was_taken or ledger.was_lost(connection, job_id=fence.job_id, attempt=fence.attempt):
        log.warning("late_write_refused", job_id=fence.job_id, attempt=fence.attempt, what=what)
        ledger.count_refused_write(connection, what)


def _append_end_event(connection: Connection, fence: AttemptFence, status: JobStatus) -> None:
    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=[("end", {"status": status.value})])


def reject_dataset(connection: Connection, fence: AttemptFence, detail: str) -> None:
    """The data set of an INGEST job that ended without a result becomes REJECTED; nothing for other jobs."""
    if fence.job_type is JobType.INGEST and fence.dataset_id is not None:
        datasets.mark_rejected(connection, fence.dataset_id, [{"row": None, "column": None, "detail": detail}])
