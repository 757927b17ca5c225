"""Each fenced write by itself, wrong clocks, and transactions that hold together: on both databases."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, text

from ml_training.db import checkpoints, jobs, ledger
from ml_training.db.clock import db_now
from ml_training.db.engine import Database
from ml_training.db.invariants import broken_rows
from ml_training.db.jobs import Progress
from ml_training.db.tables import jobs as job_rows
from ml_training.domain.errors import Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.domain.states import JobStatus, JobType
from ml_training.queue.permits import Permits
from ml_training.services import lifecycle
from ml_training.services.checkpoints import JobCheckpoints
from ml_training.services.core import Core
from ml_training.services.execute import Workplace, run_next
from ml_training.services.lease import LeaseTimes
from ml_training.services.lifecycle import Held, request_cancel
from ml_training.services.reap import reap_once
from ml_training.services.reporter import JobReporter
from ml_training.services.submit import submit_job
from ml_training.services.upkeep import fold_once
from ml_training.services.verdict import Verdict
from tests.support.api import ready_dataset, train_spec
from tests.support.eventually import eventually
from tests.support.jobs import QUICK, a_model, read_job, store_dataset, store_job, train_at_once, workplace

HOUR = 3600.0
NEWS = Progress(fraction=0.9, message="late", eta_seconds=1.0, features_count=9)
WRITES: dict[str, Callable[[Connection, int, int], object]] = {
    "watch": lambda c, job_id, attempt: jobs.watch(c, job_id=job_id, attempt=attempt),
    "hold": lambda c, job_id, attempt: jobs.hold(c, job_id=job_id, attempt=attempt),
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
            assert jobs.claim_next(connection, worker="w", lease_seconds=HOUR)
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


def test_a_checkpoint_of_the_attempt_before_is_refused_and_counted(core: Core, second_attempt: int) -> None:
    for attempt, kept in ((1, []), (2, [5])):
        held = Held(second_attempt, attempt, JobType.TRAIN, None)
        JobCheckpoints(held, database=core.database, storage=core.storage, every=0.0).keep(b"state", done=5)
        with core.database.read() as connection:
            assert [found.done for found in checkpoints.list_checkpoints(connection, second_attempt)] == kept
            labels = connection.execute(text("SELECT label FROM ledger WHERE kind = 'refused'")).scalars().all()
        assert list(labels) == ["checkpoint"]


def test_a_late_verdict_is_refused_while_the_next_attempt_runs(core: Core, dataset_id: int, tmp_path: Path) -> None:
    database = core.database
    job_id = store_job(database, dataset_id=dataset_id)
    go_on = {attempt: threading.Event() for attempt in (1, 2)}
    runs = {attempt: threading.Event() for attempt in (1, 2)}

    def deaf(place: Workplace, job: Job, reporter: JobReporter) -> Verdict:
        runs[job.attempt].set()
        go_on[job.attempt].wait(60)
        return a_model(job)

    blind = LeaseTimes(lease=0.3, renew=60.0, poll=60.0, cancel_grace=60.0, drain_grace=60.0)
    first = threading.Thread(target=run_next, args=(workplace(database, tmp_path, deaf, times=blind),), daemon=True)
    first.start()
    assert runs[1].wait(60)
    eventually(lambda: reap_once(core).given_back, what="the lease has ended")
    second = threading.Thread(target=run_next, args=(workplace(database, tmp_path, deaf),), daemon=True)
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
def test_a_late_write_is_counted_whatever_has_become_of_the_job(core: Core, dataset_id: int, fate: str) -> None:
    job_id = store_job(core.database, dataset_id=dataset_id)
    with core.database.write() as connection:
        assert jobs.claim_next(connection, worker="w", lease_seconds=-1.0)
    assert reap_once(core).given_back == 1
    if fate == "cancelled":
        assert request_cancel(core, job_id).status is JobStatus.CANCELLED
    if fate == "claimed again":
        with core.database.write() as connection:
            assert jobs.claim_next(connection, worker="w", lease_seconds=HOUR)
    with core.database.write() as connection:
        lifecycle.count_refusal(connection, Held(job_id, 1, JobType.TRAIN, dataset_id), "lease")
    assert refused(core.database) == 1


def test_an_attempt_that_has_given_its_job_back_itself_is_not_late(core: Core, dataset_id: int) -> None:
    job_id = store_job(core.database, dataset_id=dataset_id)
    held = Held(job_id, 1, JobType.TRAIN, dataset_id)
    with core.database.write() as connection:
        assert jobs.claim_next(connection, worker="w", lease_seconds=HOUR)
        assert lifecycle.give_back(connection, held, EndReason.DRAIN)
        lifecycle.count_refusal(connection, held, "lease")
    assert refused(core.database) == 0


def twice_at_once(database: Database, work: Callable[[], object], *, chosen: str) -> None:
    """Two threads that both do `work`; neither goes beyond the statement `chosen` before both have executed it."""
    both = threading.Barrier(2)

    def wait_for_the_other(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(chosen):
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
            job = jobs.claim_next(connection, worker="w", lease_seconds=HOUR)
        assert job is not None
        taken.append(job.id)

    twice_at_once(database, claim, chosen="SELECT jobs.id")
    assert set(taken) == wanted


def test_two_reapers_at_once_charge_one_loss(core: Core, dataset_id: int) -> None:
    database = core.database
    job_id = store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        assert jobs.claim_next(connection, worker="w", lease_seconds=-1.0) is not None
    twice_at_once(database, lambda: reap_once(core), chosen="SELECT jobs.id, jobs.job_type")
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 1
    assert read_job(database, job_id).status is JobStatus.PENDING


def claimed(database: Database, dataset_id: int) -> Held:
    """A RUNNING job."""
    store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        job = jobs.claim_next(connection, worker="w", lease_seconds=HOUR)
    assert job is not None
    return Held.of(job)


@pytest.mark.parametrize("reason", EndReason)
def test_a_job_that_is_given_back_after_an_accepted_cancel_is_cancelled(
    core: Core, dataset_id: int, reason: EndReason
) -> None:
    held = claimed(core.database, dataset_id)
    request_cancel(core, held.job_id)
    with core.database.write() as connection:
        assert lifecycle.give_back(connection, held, reason)
    assert read_job(core.database, held.job_id).status is JobStatus.CANCELLED
    with core.database.read() as connection:
        assert list(broken_rows(connection)) == []


def test_a_cancel_that_meets_a_hand_back_is_not_lost(core: Core, dataset_id: int) -> None:
    held = claimed(core.database, dataset_id)
    asks = threading.Thread(target=lambda: request_cancel(core, held.job_id))
    with core.database.write() as connection:
        assert lifecycle.give_back(connection, held, EndReason.DRAIN)
        asks.start()
        asks.join(0.5)
        assert asks.is_alive(), "it waits for the row"
    asks.join(20)
    assert read_job(core.database, held.job_id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("error", [-HOUR, HOUR])
def test_a_worker_with_a_wrong_clock_neither_gains_nor_loses_lease(
    core: Core, dataset_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    database, right = core.database, time.time
    job_id = store_job(database, dataset_id=dataset_id)
    lease: list[float] = []

    def look(place: Workplace, job: Job, reporter: JobReporter) -> Verdict:
        claimed = remaining(database, job_id)
        reporter.progress(0.5, "half", eta_seconds=None)
        eventually(lambda: read_job(database, job_id).progress == 0.5, what="the lease thread has renewed")
        lease.extend([claimed, remaining(database, job_id)])
        return a_model(job)

    monkeypatch.setattr(time, "time", lambda: right() + error)
    assert run_next(workplace(database, tmp_path, look))
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


def test_a_permit_is_sent_only_when_the_row_is_there(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = ready_dataset(core)
    there: list[int] = []

    def look(_: Permits, count: int = 1) -> int:
        with core.database.read() as connection:  # another connection: it sees only what is committed
            there.append(jobs.count_pending(connection))
        return count

    monkeypatch.setattr(Permits, "publish", look)
    submit_job(core, train_spec(dataset_id))
    assert there == [1]


def test_a_result_whose_job_could_not_complete_is_taken_back(
    core: Core, dataset_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = store_job(core.database, dataset_id=dataset_id)
    complete, fails = jobs.complete, [True]

    def cut(connection: Connection, **values: Any) -> bool:
        if fails.pop():
            fails.append(False)
            raise Unavailable("the connection is cut between the result and the state")
        fails.append(False)
        return complete(connection, **values)

    monkeypatch.setattr(jobs, "complete", cut)
    assert run_next(workplace(core.database, tmp_path, train_at_once))
    with core.database.read() as connection:
        results = connection.execute(text("SELECT job_id, attempt FROM models")).all()
    assert [tuple(result) for result in results] == [(job_id, 1)], "written once, by the second try"
    assert read_job(core.database, job_id).status is JobStatus.COMPLETED


def test_a_fold_that_is_cut_in_the_middle_counts_nothing_twice(
    core: Core, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        request_cancel(core, store_job(core.database, dataset_id=dataset_id))

    def cut(*_: object) -> None:
        raise Unavailable("the connection is cut before the rows leave the ledger")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "delete", cut)
        with pytest.raises(Unavailable):
            fold_once(core)
    assert fold_once(core) == 3
    with core.database.read() as connection:
        counted = "SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal'"
        assert connection.execute(text(counted)).scalar_one() == 3
