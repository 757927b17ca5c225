"""Runs one job: claims the first due row, calls the handler under a lease, writes the end of the job once."""

import random
import time

import structlog
from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.engine import Database
from ml_training.db.job_events import append_events
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed, StopReason, Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.states import JobStatus
from ml_training.execution import transitions
from ml_training.execution.checkpoints import JobCheckpoints
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import Event, JobReporter
from ml_training.execution.lease import Lease, apply_stop
from ml_training.execution.memory_limit import OUT_OF_MEMORY
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger
from ml_training.storage.base import IntegrityError

log = get_logger(__name__)
MESSAGE_CHARACTERS = 2_000  # of an error message that a library raised

AttemptEnd = JobOutcome | StopReason | JobError | EndReason


def run_next(context: WorkerContext) -> bool:
    """Run the first due job to its end; False when none was due. Raises Unavailable only before a claim."""
    with context.database.write() as connection:
        job = jobs.claim_next(connection, worker=context.worker, lease_seconds=context.times.lease)
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt):
        log.info("job_claimed", job_type=job.job_type.value)
        _run(context, job)
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
        return context.handlers[job.job_type](context, job, reporter)
    except Interrupted as stop:
        return stop.reason
    except JobFailed as failure:
        return JobError(failure.code, failure.message, failure.hint)
    except IntegrityError as error:
        return JobError(ErrorCode.INTEGRITY, str(error), "the stored bytes are damaged: restore or upload them again")
    except (Unavailable, OSError) as error:
        log.warning("attempt_interrupted_by_outage", error=str(error))
        return EndReason.INFRASTRUCTURE
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # the edge of the job: no error of a library may end the worker
        log.exception("job_raised")
        message = f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS]
        return JobError(ErrorCode.TRAINING_ERROR, message, "this is a defect of the service: please report it")


def _write_end(context: WorkerContext, fence: AttemptFence, reporter: JobReporter, end: AttemptEnd) -> None:
    """Write the end of the attempt; repeat while the database is away, so that the work is not lost."""
    while True:
        try:
            _write_end_once(context.database, fence, reporter, end)
        except Unavailable as error:
            log.warning("end_not_written", error=str(error))
            time.sleep(context.times.poll)
        else:
            log.info("attempt_ended", end=type(end).__name__ if isinstance(end, JobOutcome) else str(end))
            return


def _write_end_once(database: Database, fence: AttemptFence, reporter: JobReporter, end: AttemptEnd) -> None:
    """One transaction: the events since the last poll of the lease, and the end; keeps them for the next try."""
    events = list[Event]()
    try:
        with database.write() as connection:
            signals = jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt)
            if signals is not None:
                events = reporter.take_events()
                if isinstance(end, JobOutcome) and not signals.cancel_requested:
                    _complete(connection, fence, reporter, end, events)
                else:
                    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=events)
                    _apply_end(connection, fence, end, cancel_requested=signals.cancel_requested)
            elif not isinstance(end, StopReason):
                transitions.count_refusal(connection, fence, "verdict")
    except Unavailable:
        reporter.put_back(events)
        raise


def _apply_end(connection: Connection, fence: AttemptFence, end: AttemptEnd, *, cancel_requested: bool) -> None:
    """Write an end without a result: a cancel throws away the outcome that came too late."""
    if isinstance(end, StopReason):
        apply_stop(connection, fence, end)
    elif cancel_requested or isinstance(end, JobOutcome):
        transitions.cancel(connection, fence)
    elif isinstance(end, JobError):
        transitions.fail(connection, fence, end)
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
    )
    if not done:  # cannot be: the row has been locked since `lock_attempt`; raising takes the result row back
        raise Unavailable(f"job {fence.job_id} could not be completed")
