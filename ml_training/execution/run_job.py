"""Runs one job: claims the first due row, calls the handler under a lease, writes the end of the job once."""

import random
import time
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from ml_training.db import claims, jobs, ledger
from ml_training.db.job_events import append_events
from ml_training.db.removals import BytesRemoved
from ml_training.domain.errors import (
    AttemptLost,
    ErrorCode,
    Interrupted,
    JobFailed,
    ObjectMissing,
    SourceUnavailable,
    StopReason,
    Unavailable,
)
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.states import JobStatus
from ml_training.execution import transitions
from ml_training.execution.checkpoints import JobCheckpoints
from ml_training.execution.job_handler import JobOutcome, JobWaits, WorkerContext
from ml_training.execution.job_reporter import Event, JobReporter
from ml_training.execution.lease import Lease, apply_stop
from ml_training.execution.memory_limit import OUT_OF_MEMORY
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger
from ml_training.storage.base import IntegrityError, MissingObjectError

log = get_logger(__name__)
MESSAGE_CHARACTERS = 2_000  # of an error message that a library raised


@dataclass(frozen=True, slots=True)
class MissedObject:
    """This worker did not find stored bytes of the job; `error` is that of the job if nobody finds them."""

    error: JobError


AttemptEnd = JobOutcome | JobWaits | StopReason | JobError | EndReason | MissedObject


def run_next(context: WorkerContext) -> bool:
    """Run the first due job to its end; False when none was due, or this worker may not use its storage.

    Raises Unavailable only before a claim.
    """
    if context.storage_trouble() is not None:
        return False
    with context.database.write() as connection:
        job = claims.claim_next(connection, worker=context.worker, lease_seconds=context.times.lease)
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt):
        log.info("job_claimed", job_type=job.job_type.value)
        # From here on every statement sees the rows of the job's project only.
        _run(replace(context, database=context.database.of(job.project_id)), job)
    return True


def _run(context: WorkerContext, job: Job) -> None:
    fence = AttemptFence.of(job)
    checkpoints = JobCheckpoints(
        fence, database=context.database, storage=context.storage, every=context.times.checkpoint
    )
    reporter = JobReporter(lambda fraction, message: context.send_progress(job, fraction, message), checkpoints)
    lease = Lease(
        job,
        database=context.database,
        reporter=reporter,
        times=context.times,
        memory=context.memory,
        watchdog=context.watchdog,
    )
    with context.hold_cores(), lease:
        end = _attempt(context, job, reporter)
        # Still under the lease: an outage may last longer than the result can wait without one.
        _write_end(context, fence, reporter, end)
        context.tell_end(job)


def _attempt(context: WorkerContext, job: Job, reporter: JobReporter) -> AttemptEnd:
    try:
        outcome = context.handlers[job.job_type](context, job, reporter)
        return _if_storage_is_right(context, outcome)  # what it wrote must be where the others look for it
    except Interrupted as stop:
        return stop.reason
    except ObjectMissing as failure:
        return _if_storage_is_right(context, MissedObject(JobError(failure.code, failure.message, failure.hint)))
    except JobFailed as failure:
        return JobError(failure.code, failure.message, failure.hint)
    except IntegrityError as error:
        found = JobError(ErrorCode.INTEGRITY, str(error), "the stored bytes are damaged: restore or upload them again")
        is_missing = isinstance(error, MissingObjectError)
        return _if_storage_is_right(context, MissedObject(found)) if is_missing else found
    except SourceUnavailable as error:
        log.warning("source_unavailable", error=str(error))
        return EndReason.SOURCE
    except AttemptLost as error:
        log.warning("attempt_lost", error=str(error))
        return EndReason.WORKER_LOST
    except (Unavailable, OSError) as error:
        log.warning("attempt_interrupted_by_outage", error=str(error))
        return EndReason.INFRASTRUCTURE
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # the edge of the job: no error of a library may end the worker
        log.exception("job_raised")
        message = f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS]
        return JobError(ErrorCode.TRAINING_ERROR, message, "this is a defect of the service: please report it")


def _if_storage_is_right(context: WorkerContext, end: JobOutcome | JobWaits | MissedObject) -> AttemptEnd:
    """The end of an attempt, unless the storage was exchanged during the attempt, such as by an unmount.

    Without the database it is not known; but then this end cannot be written before the database is back.
    """
    while True:
        try:
            return end if context.storage_trouble() is None else EndReason.INFRASTRUCTURE
        except Unavailable as error:
            log.warning("storage_not_checked", error=str(error))
            time.sleep(context.times.poll)


def _write_end(context: WorkerContext, fence: AttemptFence, reporter: JobReporter, end: AttemptEnd) -> None:
    """Write the end of the attempt; repeat while the database is away, so that the work is not lost."""
    while True:
        try:
            _write_end_once(context, fence, reporter, end)
        except Unavailable as error:
            log.warning("end_not_written", error=str(error))
            time.sleep(context.times.poll)
        except BytesRemoved as error:  # equal bytes of a deleted row: the next attempt stores them again
            log.warning("result_removed_while_stored", error=str(error))
            end = EndReason.INFRASTRUCTURE
        else:
            log.info("attempt_ended", end=type(end).__name__ if isinstance(end, JobOutcome) else str(end))
            return


def _write_end_once(context: WorkerContext, fence: AttemptFence, reporter: JobReporter, end: AttemptEnd) -> None:
    """One transaction: the events since the last poll of the lease, and the end; keeps them for the next try."""
    events = list[Event]()
    try:
        with context.database.write() as connection:
            signals = jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt)
            if signals is not None:
                events = reporter.take_events()
                if isinstance(end, JobOutcome) and not signals.cancel_requested:
                    _complete(connection, fence, reporter, end, events)
                else:
                    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=events)
                    _apply_end(connection, context, fence, end, cancel_requested=signals.cancel_requested)
            elif not isinstance(end, StopReason):
                transitions.count_refusal(connection, fence, "verdict")
    except (Unavailable, BytesRemoved):
        reporter.put_back(events)
        raise


def _apply_end(
    connection: Connection, context: WorkerContext, fence: AttemptFence, end: AttemptEnd, *, cancel_requested: bool
) -> None:
    """Write an end without a result: a cancel throws away the outcome that came too late."""
    if isinstance(end, StopReason):
        apply_stop(connection, fence, end)
    elif cancel_requested or isinstance(end, JobOutcome):
        transitions.cancel(connection, fence)
    elif isinstance(end, JobWaits):
        made = end.store(connection, fence)
        transitions.wait_for_children(connection, fence, made, progress=end.progress, message=end.message)
    elif isinstance(end, JobError):
        transitions.fail(connection, fence, end)
    elif isinstance(end, MissedObject):
        transitions.miss_object(
            connection,
            fence,
            end.error,
            worker=context.worker,
            alive_seconds=context.times.lease,
            jitter=random.random(),  # noqa: S311 - jitter
        )
    else:
        transitions.hand_back(connection, fence, end, jitter=random.random())  # noqa: S311 - jitter


def _complete(
    connection: Connection, fence: AttemptFence, reporter: JobReporter, outcome: JobOutcome, events: list[Event]
) -> None:
    result_id = outcome.store(connection, fence)
    last = ("end", {"status": JobStatus.COMPLETED.value})
    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=[*events, last])
    features = reporter.snapshot().features_count
    done = jobs.complete(
        connection,
        job_id=fence.job_id,
        attempt=fence.attempt,
        result_id=result_id,
        rows_used=outcome.rows_used,
        features_count=features,
        reused_from=outcome.reused_from,
    )
    if outcome.reused_from is not None:
        ledger.count_reuse(connection, fence.job_type.value)
    if not done:  # cannot be: the row has been locked since `lock_attempt`; raising takes the result row back
        raise Unavailable(f"job {fence.job_id} could not be completed")
