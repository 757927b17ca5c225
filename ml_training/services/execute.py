"""One permit, one job: claim the first due row, do the work under a lease, write the verdict once."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.engine import Database
from ml_training.db.events import append_events
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed, StopReason, Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.states import JobStatus, JobType
from ml_training.logs import get_logger
from ml_training.services import lifecycle
from ml_training.services.checkpoints import JobCheckpoints
from ml_training.services.lease import Lease, LeaseTimes, stop_job
from ml_training.services.lifecycle import Held
from ml_training.services.memory import NO_LIMIT, OUT_OF_MEMORY, MemoryLimit
from ml_training.services.reporter import JobReporter
from ml_training.services.verdict import Verdict
from ml_training.storage.base import IntegrityError, Storage

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What one process of the fleet works with."""

    database: Database
    storage: Storage
    worker: str  # the heartbeat row of the worker that this process belongs to
    threads: int  # for each job
    times: LeaseTimes
    handlers: Mapping[JobType, "Handler"]
    announce: Callable[[Job, float, str], None]  # live progress for the event channel; must never block
    end_process: Callable[[], None]
    memory: MemoryLimit = NO_LIMIT
    # Ends the process unless it is called again within so many seconds; None: it need not be any more.
    end_unless_seen: Callable[[float | None], None] = lambda seconds: None


Handler = Callable[[Workplace, Job, JobReporter], Verdict]


def run_next(place: Workplace) -> bool:
    """Run the first due job to its end; False when nothing was due. Raises Unavailable only before a claim."""
    with place.database.write() as connection:
        job = jobs.claim_next(connection, worker=place.worker, lease_seconds=place.times.lease)
    if job is None:
        return False
    with structlog.contextvars.bound_contextvars(job_id=job.id, attempt=job.attempt):
        log.info("job_claimed", job_type=job.job_type.value)
        _run(place, job)
    return True


def _run(place: Workplace, job: Job) -> None:
    checkpoints = JobCheckpoints(
        Held.of(job), database=place.database, storage=place.storage, every=place.times.checkpoint
    )
    reporter = JobReporter(lambda fraction, message: place.announce(job, fraction, message), checkpoints)
    lease = Lease(
        job,
        database=place.database,
        reporter=reporter,
        times=place.times,
        end_process=place.end_process,
        memory=place.memory,
        end_unless_seen=place.end_unless_seen,
    )
    with lease:
        end = _attempt(place, job, reporter)
        # Still under the lease: an outage may last longer than the verdict can wait without one.
        _write_end(place, Held.of(job), reporter, end)


End = Verdict | StopReason | JobError | EndReason


def _attempt(place: Workplace, job: Job, reporter: JobReporter) -> End:
    try:
        return place.handlers[job.job_type](place, job, reporter)
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


def _write_end(place: Workplace, held: Held, reporter: JobReporter, end: End) -> None:
    """Write the verdict, as often as it takes: while the database is away the work is kept, not thrown away."""
    while True:
        try:
            _flush(place.database, held, reporter)
            _write_end_once(place.database, held, reporter, end)
        except Unavailable as error:
            log.warning("verdict_not_written", error=str(error))
            time.sleep(place.times.poll)
        else:
            log.info("attempt_ended", end=type(end).__name__ if isinstance(end, Verdict) else str(end))
            return


def _flush(database: Database, held: Held, reporter: JobReporter) -> None:
    """What the job said since the lease looked last, whatever its end; raises Unavailable, and keeps it then."""
    events = reporter.take_events()
    if not events:
        return
    try:
        with database.write() as connection:
            if jobs.hold(connection, job_id=held.job_id, attempt=held.attempt) is not None:
                append_events(connection, job_id=held.job_id, attempt=held.attempt, events=events)
    except Unavailable:
        reporter.put_back(events)
        raise


def _write_end_once(database: Database, held: Held, reporter: JobReporter, end: End) -> None:
    if isinstance(end, StopReason):
        stop_job(database, held, end)
        return
    with database.write() as connection:
        seen = jobs.hold(connection, job_id=held.job_id, attempt=held.attempt)
        if seen is None:
            lifecycle.count_refusal(connection, held, "verdict")
        elif seen.cancel_requested:
            lifecycle.cancel(connection, held)
        elif isinstance(end, Verdict):
            _complete(connection, held, reporter, end)
        elif isinstance(end, JobError):
            lifecycle.fail(connection, held, end)
        else:
            lifecycle.give_back(connection, held, end, jitter=random.random())  # noqa: S311 - jitter


def _complete(connection: Connection, held: Held, reporter: JobReporter, verdict: Verdict) -> None:
    result_id = verdict.store(connection, held)
    last = ("end", {"status": JobStatus.COMPLETED.value})
    append_events(connection, job_id=held.job_id, attempt=held.attempt, events=[last])
    features = reporter.snapshot().features_count
    done = jobs.complete(
        connection,
        job_id=held.job_id,
        attempt=held.attempt,
        result_id=result_id,
        rows_used=verdict.rows_used,
        features_count=features,
    )
    if not done:  # cannot be: the row has been locked since `hold`; raising takes the result row back
        raise Unavailable(f"job {held.job_id} could not be completed")
