"""Each fenced write by itself, wrong clocks, and transactions that hold together: on both databases."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, text

from ml_training.db import checkpoints, claims, jobs, ledger
from ml_training.db.clock import db_now
from ml_training.db.engine import Database
from ml_training.db.invariants import broken_rows
from ml_training.db.jobs import JobProgress
from ml_training.db.queue_length import count_pending
from ml_training.db.tables import jobs as job_rows
from ml_training.domain.errors import Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.execution import transitions
from ml_training.execution.checkpoints import JobCheckpoints
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.run_job import run_next
from ml_training.execution.transitions import AttemptFence
from ml_training.maintenance.cleanup import fold_ledger_once
from ml_training.maintenance.reaper import reap_once
from ml_training.queue.permits import Permits
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.api import ready_dataset, train_spec
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, store_dataset, store_job, train_at_once
from tests.support.wiring import QUICK, make_worker_context

HOUR = 3600.0
NEWS = JobProgress(fraction=0.9, message="late", eta_seconds=1.0, features_count=9)
WRITES: dict[str, Callable[[Connection, int, int], object]] = {
    "watch": lambda c, job_id, attempt: jobs.read_stop_signals(c, job_id=job_id, attempt=attempt),
    "hold": lambda c, job_id, attempt: jobs.lock_attempt(c, job_id=job_id, attempt=attempt),
    "renew": lambda c, job_id, attempt: jobs.renew(
        c, job_id=job_id, attempt=attempt, lease_seconds=HOUR, progress=NEWS
    ),
    "complete": lambda c, job_id, attempt: jobs.complete(
        c, job_id=job_id, attempt=attempt, result_id=7, rows_used=1, features_count=1
    ),
    "fail": lambda c, job_id, attempt: jobs.fail(
        c, job_id=job_id, attempt=attempt, error=JobError("timeout", "late", "")
    ),
    "cancel": lambda c, job_id, attempt: jobs.cancel_running(c, job_id=job_id, attempt=attempt),
    "hand back": lambda c, job_id, attempt: jobs.hand_back(
        c, job_id=job_id, attempt=attempt, delay=9.0, message="late"
    ),
}


@pytest.fixture
def dataset_id(database: Database) -> int:
    """A data set for the jobs to name."""
    return store_dataset(database)


@pytest.fixture
def second_attempt(database: Database, dataset_id: int) -> int:
    """A job that runs for the second time; nobody has told the first attempt."""
    job_id = store_job(database, dataset_id=dataset_id)
    for attempt in (1, 2):
        with database.write() as connection:
            assert claims.claim_next(connection, worker="w", lease_seconds=HOUR)
            if attempt == 1:
                assert jobs.hand_back(connection, job_id=job_id, attempt=1, delay=0.0, message="lost")
    return job_id


def row(database: Database, job_id: int) -> tuple[Any, ...]:
    """Everything that the job's row says."""
    with database.read() as connection:
        return tuple(connection.execute(text("SELECT * FROM jobs WHERE id = :id"), {"id": job_id}).one())


@pytest.mark.parametrize("write", WRITES)
def test_a_write_of_the_attempt_before_changes_nothing(database: Database, second_attempt: int, write: str) -> None:
    before = row(database, second_attempt)
    with database.write() as connection:
        assert not WRITES[write](connection, second_attempt, 1), "the attempt has lost the job"
    assert row(database, second_attempt) == before
    with database.write() as connection:
        assert WRITES[write](connection, second_attempt, 2), "the attempt that holds it may"


def test_a_checkpoint_of_the_attempt_before_is_refused_and_counted(resources: Resources, second_attempt: int) -> None:
    for attempt, kept in ((1, []), (2, [5])):
        fence = AttemptFence(second_attempt, attempt, JobType.TRAIN, None)
        JobCheckpoints(fence, database=resources.database, storage=resources.storage, every=0.0).keep(b"state", done=5)
        with resources.database.read() as connection:
            assert [found.done for found in checkpoints.list_checkpoints(connection, second_attempt)] == kept
            labels = connection.execute(text("SELECT label FROM ledger WHERE kind = 'refused'")).scalars().all()
        assert list(labels) == ["checkpoint"]


def test_a_late_verdict_is_refused_while_the_next_attempt_runs(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id)
    go_on = {attempt: threading.Event() for attempt in (1, 2)}
    runs = {attempt: threading.Event() for attempt in (1, 2)}

    def deaf(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        runs[job.attempt].set()
        go_on[job.attempt].wait(60)
        return a_model(job)

    blind = LeaseTimes(lease=0.3, renew=60.0, poll=60.0, cancel_grace=60.0, drain_grace=60.0)
    first = threading.Thread(
        target=run_next, args=(make_worker_context(database, tmp_path, deaf, times=blind),), daemon=True
    )
    first.start()
    assert runs[1].wait(60)
    eventually(lambda: reap_once(resources).handed_back, what="the lease has ended")
    second = threading.Thread(target=run_next, args=(make_worker_context(database, tmp_path, deaf),), daemon=True)
    second.start()
    assert runs[2].wait(60)
    go_on[1].set()
    eventually(lambda: refused(database) == 1, what="the late verdict is refused")
    assert (read_job(database, job_id).status, read_job(database, job_id).attempt) == (JobStatus.RUNNING, 2)
    go_on[2].set()
    second.join(30)
    with database.read() as connection:
        results = connection.execute(text("SELECT job_id, attempt FROM models")).all()
    assert [tuple(result) for result in results] == [(job_id, 2)]
    assert read_job(database, job_id).status is JobStatus.COMPLETED


def refused(database: Database) -> int:
    """How many late writes were counted."""
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM ledger WHERE kind = 'refused'")).scalar_one())


@pytest.mark.parametrize("fate", ["waits", "cancelled", "claimed again"])
def test_a_late_write_is_counted_whatever_has_become_of_the_job(
    resources: Resources, dataset_id: int, fate: str
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        assert claims.claim_next(connection, worker="w", lease_seconds=-1.0)
    assert reap_once(resources).handed_back == 1
    if fate == "cancelled":
        assert request_cancel(resources, job_id).status is JobStatus.CANCELLED
    if fate == "claimed again":
        with resources.database.write() as connection:
            assert claims.claim_next(connection, worker="w", lease_seconds=HOUR)
    with resources.database.write() as connection:
        transitions.count_refusal(connection, AttemptFence(job_id, 1, JobType.TRAIN, dataset_id), "lease")
    assert refused(resources.database) == 1


def test_an_attempt_that_has_given_its_job_back_itself_is_not_late(resources: Resources, dataset_id: int) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    fence = AttemptFence(job_id, 1, JobType.TRAIN, dataset_id)
    with resources.database.write() as connection:
        assert claims.claim_next(connection, worker="w", lease_seconds=HOUR)
        assert transitions.hand_back(connection, fence, EndReason.DRAIN)
        transitions.count_refusal(connection, fence, "lease")
    assert refused(resources.database) == 0


def twice_at_once(database: Database, work: Callable[[], object], *, chosen: str) -> None:
    """Two threads that both do `work`; neither goes beyond the statement `chosen` before both have executed it."""
    both = threading.Barrier(2)

    def wait_for_the_other(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if chosen in statement:
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1)

    event.listen(Engine, "after_cursor_execute", wait_for_the_other)
    try:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        event.remove(Engine, "after_cursor_execute", wait_for_the_other)
    assert both.broken is (database.dialect == "sqlite"), "SQLite has one writer at a time, PostgreSQL must have two"


def test_two_claims_at_once_never_take_the_same_row(database: Database, dataset_id: int) -> None:
    wanted = {store_job(database, dataset_id=dataset_id) for _ in range(2)}
    taken: list[int] = []

    def claim() -> None:
        with database.write() as connection:
            job = claims.claim_next(connection, worker="w", lease_seconds=HOUR)
        assert job is not None
        taken.append(job.id)

    twice_at_once(database, claim, chosen="UPDATE jobs SET")
    assert set(taken) == wanted


def test_two_reapers_at_once_charge_one_loss(resources: Resources, dataset_id: int) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        assert claims.claim_next(connection, worker="w", lease_seconds=-1.0) is not None
    twice_at_once(database, lambda: reap_once(resources), chosen="SELECT jobs.id, jobs.job_type")
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 1
    assert read_job(database, job_id).status is JobStatus.PENDING


def claimed(database: Database, dataset_id: int) -> AttemptFence:
    """A RUNNING job."""
    store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        job = claims.claim_next(connection, worker="w", lease_seconds=HOUR)
    assert job is not None
    return AttemptFence.of(job)


@pytest.mark.parametrize("reason", EndReason)
def test_a_job_that_is_given_back_after_an_accepted_cancel_is_cancelled(
    resources: Resources, dataset_id: int, reason: EndReason
) -> None:
    fence = claimed(resources.database, dataset_id)
    request_cancel(resources, fence.job_id)
    with resources.database.write() as connection:
        assert transitions.hand_back(connection, fence, reason)
    assert read_job(resources.database, fence.job_id).status is JobStatus.CANCELLED
    with resources.database.read() as connection:
        assert list(broken_rows(connection)) == []


def test_a_cancel_that_meets_a_hand_back_is_not_lost(resources: Resources, dataset_id: int) -> None:
    fence = claimed(resources.database, dataset_id)
    asks = threading.Thread(target=lambda: request_cancel(resources, fence.job_id))
    with resources.database.write() as connection:
        assert transitions.hand_back(connection, fence, EndReason.DRAIN)
        asks.start()
        asks.join(0.5)
        assert asks.is_alive(), "it waits for the row"
    asks.join(20)
    assert read_job(resources.database, fence.job_id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("error", [-HOUR, HOUR])
def test_a_worker_with_a_wrong_clock_neither_gains_nor_loses_lease(
    resources: Resources, dataset_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    database, right = resources.database, time.time
    job_id = store_job(database, dataset_id=dataset_id)
    lease: list[float] = []

    def look(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        claimed = remaining(database, job_id)
        reporter.progress(0.5, "half", eta_seconds=None)
        eventually(lambda: read_job(database, job_id).progress == 0.5, what="the lease thread has renewed")
        lease.extend([claimed, remaining(database, job_id)])
        return a_model(job)

    monkeypatch.setattr(time, "time", lambda: right() + error)
    assert run_next(make_worker_context(database, tmp_path, look))
    monkeypatch.undo()
    assert all(0.0 < seconds <= QUICK.lease for seconds in lease), lease
    job = read_job(database, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    assert job.finished_at is not None
    assert job.started_at is not None
    assert abs(job.finished_at - right()) < 60.0
    assert job.finished_at >= job.started_at >= job.created_at


def remaining(database: Database, job_id: int) -> float:
    """How long the lease still lasts, by the database's clock."""
    with database.read() as connection:
        query = select(job_rows.c.lease_until - db_now()).where(job_rows.c.id == job_id)
        return float(connection.execute(query).scalar_one())


def test_a_permit_is_sent_only_when_the_row_is_there(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = ready_dataset(resources)
    there: list[int] = []

    def look(_: Permits, count: int = 1) -> int:
        with resources.database.read() as connection:  # another connection: it sees only what is committed
            there.append(count_pending(connection))
        return count

    monkeypatch.setattr(Permits, "publish", look)
    submit_job(resources, train_spec(dataset_id))
    assert there == [1]


def test_a_result_whose_job_could_not_complete_is_taken_back(
    resources: Resources, dataset_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    complete, fails = jobs.complete, [True]

    def cut(connection: Connection, **values: Any) -> bool:
        if fails.pop():
            fails.append(False)
            raise Unavailable("the connection is cut between the result and the state")
        fails.append(False)
        return complete(connection, **values)

    monkeypatch.setattr(jobs, "complete", cut)
    assert run_next(make_worker_context(resources.database, tmp_path, train_at_once))
    with resources.database.read() as connection:
        results = connection.execute(text("SELECT job_id, attempt FROM models")).all()
    assert [tuple(result) for result in results] == [(job_id, 1)], "written once, by the second try"
    assert read_job(resources.database, job_id).status is JobStatus.COMPLETED


def test_a_fold_that_is_cut_in_the_middle_counts_nothing_twice(
    resources: Resources, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        request_cancel(resources, store_job(resources.database, dataset_id=dataset_id))

    def cut(*_: object) -> None:
        raise Unavailable("the connection is cut before the rows leave the ledger")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "delete", cut)
        with pytest.raises(Unavailable):
            fold_ledger_once(resources)
    assert fold_ledger_once(resources) == 3
    with resources.database.read() as connection:
        counted = "SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal'"
        assert connection.execute(text(counted)).scalar_one() == 3
