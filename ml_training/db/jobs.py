"""Every statement about job rows, except the claim (claims.py): lease and fence are one compare-and-set each.

A fenced statement carries `AND attempt = ? AND status = 'RUNNING'`; when it matches no row the attempt has lost the
job, which is normal: the caller stops and writes nothing more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from ml_training.db.clock import NOW, db_now, read_clock
from ml_training.db.job_rows import COLUMNS, NEW, job_of, new_job
from ml_training.db.project_scope import own
from ml_training.db.tables import heartbeats, jobs
from ml_training.domain.records import Job, JobError
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

_RUNTIME = jobs.c.runtime_seconds + db_now() - jobs.c.attempt_started_at
_STOP_SIGNALS = (
    jobs.c.cancel_requested,
    # A draining worker is marked in its own heartbeat row: its children read it here, without a signal.
    exists().where(heartbeats.c.process == jobs.c.worker, heartbeats.c.draining).label("draining"),
    _RUNTIME.label("runtime_seconds"),
)
# Spelled out, not bound: a database takes a partial index only for a condition that it can read.
RUNNING = jobs.c.status == literal_column("'RUNNING'")


@dataclass(frozen=True, slots=True)
class StopSignals:
    """The reasons to stop that the lease thread reads for its own job, by the database's clock."""

    cancel_requested: bool
    draining: bool
    runtime_seconds: float  # all attempts together


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """The progress that a renewal writes."""

    fraction: float
    message: str
    eta_seconds: float | None
    features_count: int | None


@dataclass(frozen=True, slots=True)
class ExpiredLease:
    """A RUNNING row whose lease has expired."""

    job_id: int
    job_type: JobType
    attempt: int
    cancel_requested: bool
    dataset_id: int | None


def insert_job(connection: Connection, **values: Any) -> int:
    """Store a PENDING job and return its id; values: see `insert_jobs`."""
    [job_id] = _insert(connection, [values], now=read_clock(connection))
    return job_id


def insert_jobs(connection: Connection, rows: Sequence[Mapping[str, Any]], *, now: float) -> list[Job]:
    """Store PENDING jobs in one statement, and return them as they are now, in their order; the ids rise.

    rows: job_type, model_type, spec, dataset_id, priority, max_runtime_seconds, phases_count. now: database time.
    """
    stored = _insert(connection, rows, now=now) if rows else []
    return [new_job(row, job_id, now) for row, job_id in zip(rows, stored, strict=True)]


def get_job(connection: Connection, job_id: int) -> Job | None:
    """The job, or None."""
    row = connection.execute(_GET, {"job_id": job_id}).mappings().first()
    return None if row is None else job_of(row)


def get_jobs(connection: Connection, job_ids: Collection[int]) -> dict[int, Job]:
    """Those of the jobs that there are, by id."""
    found = select(*COLUMNS).where(own(jobs), jobs.c.id.in_(job_ids))
    return {row["id"]: job_of(row) for row in connection.execute(found).mappings()}


def ended_since(connection: Connection, seconds: float, *, at_most: int, of_all: bool = False) -> int:
    """How many jobs of the project ended in the last `seconds`, or of all projects.

    Of the jobs of all projects the last `at_most` are looked at.
    """
    recent = select(jobs.c.project_id).where(jobs.c.finished_at > read_clock(connection) - seconds)
    ended = recent.order_by(jobs.c.finished_at.desc()).limit(at_most).subquery()
    counted = select(func.count()).select_from(ended)
    return int(connection.execute(counted if of_all else counted.where(own(ended))).scalar_one())


# Built once: building a statement costs more than executing it.
_INSERT = insert(jobs).returning(jobs.c.id, sort_by_parameter_order=True)
_GET = select(*COLUMNS).where(own(jobs), jobs.c.id == bindparam("job_id", type_=Integer))


def read_stop_signals(connection: Connection, *, job_id: int, attempt: int) -> StopSignals | None:
    """The stop signals of the running attempt; None when it has lost the job."""
    row = connection.execute(_READ_SIGNALS, {"fenced_job": job_id, "fenced_attempt": attempt}).first()
    return None if row is None else StopSignals(*row)


def lock_attempt(connection: Connection, *, job_id: int, attempt: int) -> StopSignals | None:
    """`read_stop_signals`, and lock the row until the end of the transaction: what was read stays true."""
    row = connection.execute(_LOCK_ATTEMPT, {"fenced_job": job_id, "fenced_attempt": attempt}).first()
    return None if row is None else StopSignals(*row)


def renew(
    connection: Connection, *, job_id: int, attempt: int, lease_seconds: float, progress: JobProgress
) -> StopSignals | None:
    """Extend the lease and write the progress; None when the attempt has lost the job."""
    statement = _fenced(job_id, attempt).values(
        lease_until=db_now() + lease_seconds,
        progress=progress.fraction,
        progress_message=progress.message,
        eta_seconds=progress.eta_seconds,
        features_count=func.coalesce(literal(progress.features_count), jobs.c.features_count),
    )
    row = connection.execute(statement.returning(*_STOP_SIGNALS)).first()
    return None if row is None else StopSignals(*row)


def complete(
    connection: Connection,
    *,
    job_id: int,
    attempt: int,
    result_id: int,
    rows_used: int,
    features_count: int | None,
    reused_from: int | None = None,
) -> bool:
    """RUNNING -> COMPLETED with its result, unless a cancel was asked for; False when fenced or cancelled.

    reused_from: the job whose result it has too.
    """
    values = {"fenced_job": job_id, "fenced_attempt": attempt, "result": result_id, "used": rows_used}
    more = {"features": features_count, "source": reused_from}
    return connection.execute(_COMPLETE, {**values, **more}).rowcount == 1


def fail(connection: Connection, *, job_id: int, attempt: int, error: JobError) -> bool:
    """RUNNING -> FAILED; False when fenced."""
    statement = _ended(job_id, attempt, JobStatus.FAILED).values(
        error_code=error.code, error_message=error.message, error_hint=error.hint, progress_message="failed"
    )
    return connection.execute(statement).rowcount == 1


def cancel_running(connection: Connection, *, job_id: int, attempt: int) -> bool:
    """RUNNING -> CANCELLED; False when fenced."""
    statement = _ended(job_id, attempt, JobStatus.CANCELLED).values(progress_message="cancelled")
    return connection.execute(statement).rowcount == 1


def hand_back(connection: Connection, *, job_id: int, attempt: int, delay: float, message: str) -> bool:
    """RUNNING -> PENDING, to be claimed after `delay` seconds; False when fenced."""
    statement = _fenced(job_id, attempt).values(
        status=JobStatus.PENDING,
        run_after=db_now() + delay,
        lease_until=None,
        worker=None,
        progress=case((jobs.c.open_children.is_(None), 0.0), else_=jobs.c.progress),  # that of a study stays
        progress_message=message,
        eta_seconds=None,
        runtime_seconds=_RUNTIME,
    )
    return connection.execute(statement).rowcount == 1


def wait_for_children(
    connection: Connection, *, job_id: int, attempt: int, new_children: int, progress: float, message: str
) -> bool:
    """RUNNING -> PENDING until the jobs that a study has made have ended, or its time is over; False when fenced.

    A trigger makes the study due when the last one ends.
    """
    limit = jobs.c.started_at + jobs.c.max_runtime_seconds
    still_open = func.coalesce(jobs.c.open_children, 0) + new_children
    statement = _fenced(job_id, attempt).values(
        status=JobStatus.PENDING,
        run_after=case((still_open > 0, limit), else_=db_now()),
        open_children=still_open,
        lease_until=None,
        worker=None,
        progress=progress,
        progress_message=message,
        eta_seconds=None,
        runtime_seconds=_RUNTIME,
    )
    return connection.execute(statement).rowcount == 1


def request_cancel(connection: Connection, job_id: int) -> Job | None:
    """Ask for a cancel: a PENDING job is CANCELLED at once, a RUNNING one is marked; None when there is no such job.

    A terminal job is returned as it is: the caller decides what that means.
    """
    waits = jobs.c.status == JobStatus.PENDING
    # ONE statement: between two statements the job could go from RUNNING back to PENDING and be missed by both.
    asked = (
        update(jobs)
        .where(own(jobs), jobs.c.id == job_id, jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING]))
        .values(
            cancel_requested=True,
            status=case((waits, JobStatus.CANCELLED), else_=jobs.c.status),
            finished_at=case((waits, db_now()), else_=jobs.c.finished_at),
            progress_message=case((waits, "cancelled"), else_=jobs.c.progress_message),
        )
    )
    connection.execute(asked)
    return get_job(connection, job_id)


def has_expired_lease(connection: Connection) -> bool:
    """Whether `expired_leases` would find one."""
    found = select(jobs.c.id).where(RUNNING, jobs.c.lease_until < NOW).limit(1)
    return connection.execute(found).first() is not None


def expired_leases(connection: Connection, *, limit: int) -> list[ExpiredLease]:
    """RUNNING rows whose lease has ended, locked for this transaction."""
    query = (
        select(jobs.c.id, jobs.c.job_type, jobs.c.attempt, jobs.c.cancel_requested, jobs.c.dataset_id)
        .where(RUNNING, jobs.c.lease_until < NOW)
        .order_by(jobs.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        ExpiredLease(row.id, JobType(row.job_type), row.attempt, bool(row.cancel_requested), row.dataset_id)
        for row in connection.execute(query)
    ]


def uses_dataset(connection: Connection, dataset_id: int) -> bool:
    """Whether a job that has not ended needs the data set."""
    # A study lives as long as its trials.
    live = and_(jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING]), jobs.c.parent_id.is_(None))
    return bool(connection.execute(select(exists().where(own(jobs), live, jobs.c.dataset_id == dataset_id))).scalar())


def live_ingest(connection: Connection, dataset_id: int) -> int | None:
    """The id of the INGEST job on the data set that has not ended; None if there is none."""
    live = jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING])
    ingest = and_(jobs.c.job_type == JobType.INGEST, jobs.c.parent_id.is_(None))  # as the index of data sets says it
    query = select(jobs.c.id).where(own(jobs), live, jobs.c.dataset_id == dataset_id, ingest)
    found = connection.execute(query.limit(1)).scalar()
    return None if found is None else int(found)


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]], *, now: float) -> list[int]:
    # One value for both times: equal times say that the job was never delayed.
    times = {"created_at": now, "run_after": now}
    return list(connection.execute(_INSERT, [{**NEW, **times, **row} for row in rows]).scalars())


def _fence(job_id: Any, attempt: Any) -> tuple[Any, ...]:
    return jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING


def _fenced(job_id: Any, attempt: Any) -> Update:
    return update(jobs).where(*_fence(job_id, attempt))


def _ended(job_id: Any, attempt: Any, status: JobStatus) -> Update:
    return _fenced(job_id, attempt).values(
        status=status, finished_at=db_now(), lease_until=None, eta_seconds=None, runtime_seconds=_RUNTIME
    )


_FENCED = bindparam("fenced_job", type_=Integer), bindparam("fenced_attempt", type_=Integer)
_READ_SIGNALS = select(*_STOP_SIGNALS).where(*_fence(*_FENCED))
_LOCK_ATTEMPT = _READ_SIGNALS.with_for_update(of=jobs)
_COMPLETE = (
    _ended(*_FENCED, JobStatus.COMPLETED)
    .where(~jobs.c.cancel_requested)
    .values(
        result_id=bindparam("result", type_=Integer),
        rows_used=bindparam("used", type_=Integer),
        reused_from=bindparam("source", type_=Integer),
        progress=1.0,
        progress_message="done",
        features_count=func.coalesce(bindparam("features", type_=Integer), jobs.c.features_count),
    )
)
