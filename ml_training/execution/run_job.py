"""One permit, one job: claim the first due row, do the work under a lease, write the verdict once."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.engine import Database
from ml_training.db.job_events import append_events
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed, StopReason, Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.execution import transitions
from ml_training.execution.checkpoints import JobCheckpoints
from ml_training.execution.job_handler import JobOutcome
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import Lease, LeaseTimes, stop_job
from ml_training.execution.memory_limit import NO_LIMIT, OUT_OF_MEMORY, MemoryLimit
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger
from ml_training.storage.base import IntegrityError, Storage

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What one process of the fleet works with."""

    database: Database
    storage: Storage
    worker: str  # the heartbeat row of the worker that this process belongs to
    threads: int  # for each job
    times: LeaseTimes
    handlers: Mapping[JobType, "JobHandler"]
    announce: Callable[[Job, float, str], None]  # live progress for the event channel; must never block
    end_process: Callable[[], None]
    memory: MemoryLimit = NO_LIMIT
    # Ends the process unless it is called again within so many seconds; None: it need not be any more.
    end_unless_seen: Callable[[float | None], None] = lambda seconds: None


JobHandler = Callable[[WorkerContext, Job, JobReporter], JobOutcome]


def run_next(context: WorkerContext) -> bool:
    """Run the first due job to its end; False when nothing was due. Raises Unavailable only before a claim."""
    with context.database.write() as connection:
        job = jobs.claim_next(connection, worker=context.worker, lease_seconds=context.times.lease)
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt):
        log.info("job_claimed", job_type=job.job_type.value)
        _run(context, job)
    return True


def _run(context: WorkerContext, job: Job) -> None:
    checkpoints = JobCheckpoints(
        AttemptFence.of(job), database=context.database, storage=context.storage, every=context.times.checkpoint
    )
    reporter = JobReporter(lambda fraction, message: context.announce(job, fraction, message), checkpoints)
    lease = Lease(
        job,
        database=context.database,
        reporter=reporter,
        times=context.times,
        end_process=context.end_process,
        memory=context.memory,
        end_unless_seen=context.end_unless_seen,
    )
    with lease:
        end = _attempt(context, job, reporter)
        # Still under the lease: an outage may last longer than the verdict can wait without one.
        _write_end(context, AttemptFence.of(job), reporter, end)


End = JobOutcome | StopReason | JobError | EndReason


def _attempt(context: WorkerContext, job: Job, reporter: JobReporter) -> End:
    try:
        return context.handlers[job.job_type](context, job, reporter)
    except Interrupted as stop:
        return stop.reason
    except JobFailed as failure:
        return JobError(failure.code, failure.message, failure.hint)
    except IntegrityError as error:
        return JobError(ErrorCode.INTEGRITY, str(error), "the stored bytes are damaged: restore or upload them again")
    except (Unavailable, OSError) as error:
        log.warning("attempt_met_an_outage", error=str(error))
        return EndReason.INFRASTRUCTURE
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # the edge of the job: whatever a library raises must not take the worker along
        log.exception("job_raised")
        message = f"{type(error).__name__}: {error}"[:2_000]
        return JobError(ErrorCode.TRAINING_ERROR, message, "this is a defect of the service: please report it")


def _write_end(context: WorkerContext, fence: AttemptFence, reporter: JobReporter, end: End) -> None:
    """Write the verdict, as often as it takes: while the database is away the work is kept, not thrown away."""
    while True:
        try:
            _flush(context.database, fence, reporter)
            _write_end_once(context.database, fence, reporter, end)
        except Unavailable as error:
            log.warning("verdict_not_written", error=str(error))
            time.sleep(context.times.poll)
        else:
            log.info("attempt_ended", end=type(end).__name__ if isinstance(end, JobOutcome) else str(end))
            return


def _flush(database: Database, fence: AttemptFence, reporter: JobReporter) -> None:
    """What the job said since the lease looked last, whatever its end; raises Unavailable, and keeps it then."""
    events = reporter.take_events()
    if not events:
        return
    try:
        with database.write() as connection:
            if jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt) is not None:
                append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=events)
    except Unavailable:
        reporter.put_back(events)
        raise


def _write_end_once(database: Database, fence: AttemptFence, reporter: JobReporter, end: End) -> None:
    if isinstance(end, StopReason):
        stop_job(database, fence, end)
        return
    with database.write() as connection:
        seen = jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt)
        if seen is None:
            transitions.count_refusal(connection, fence, "verdict")
        elif seen.cancel_requested:
            transitions.cancel(connection, fence)
        elif isinstance(end, JobOutcome):
            _complete(connection, fence, reporter, end)
        elif isinstance(end, JobError):
            transitions.fail(connection, fence, end)
        else:
            transitions.hand_back(connection, fence, end, jitter=random.random())  # noqa: S311 - jitter


def _complete(connection: Connection, fence: AttemptFence, reporter: JobReporter, verdict: JobOutcome) -> None:
    result_id = verdict.store(connection, fence)
    last = ("end", {"status": JobStatus.COMPLETED.value})
    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=[last])
    features = reporter.snapshot().features_count
    done = jobs.complete(
        connection,
        job_id=fence.job_id,
        attempt=fence.attempt,
        result_id=result_id,
        rows_used=verdict.rows_used,
        features_count=features,
    )
    if not done:  # cannot be: the row has been locked since `hold`; raising takes the result row back
        raise Unavailable(f"job {fence.job_id} could not be completed")
