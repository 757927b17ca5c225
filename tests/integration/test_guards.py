"""Claim, fence, cancel, time limit and drain: each guard of the database and of the lease, on both databases."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ml_training.db import claims, heartbeats, jobs, ledger, results
from ml_training.db.engine import Database
from ml_training.db.job_events import read_events
from ml_training.domain.errors import Interrupted
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.run_job import run_next
from ml_training.maintenance.reaper import reap_once
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, store_dataset, store_job, train_at_once
from tests.support.wiring import QUICK, RecordingWatchdog, make_worker_context

SHORT = LeaseTimes(lease=0.3, renew=10.0, poll=0.02, cancel_grace=0.3, drain_grace=0.3)  # a lease nobody renews


@pytest.fixture
def dataset_id(database: Database) -> int:
    """A data set for the jobs to name."""
    return store_dataset(database)


class Patient:
    """A handler that works until the test lets it finish, or until it is asked to stop (if it listens)."""

    def __init__(self, *, listens: bool = True) -> None:
        self.started = threading.Event()
        self.finish = threading.Event()
        self._listens = listens

    def __call__(self, context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        self.started.set()
        while not self.finish.wait(0.01):
            reason = reporter.should_stop()
            if reason is not None and self._listens:
                raise Interrupted(reason)
        return a_model(job)


def in_background(context: WorkerContext) -> threading.Thread:
    """Run one job in a thread."""
    thread = threading.Thread(target=run_next, args=(context,), daemon=True)
    thread.start()
    return thread


def models_of(database: Database, job_id: int) -> list[int]:
    """The attempts whose models the job has."""
    with database.read() as connection:
        found = results.list_models(connection, {}, before_id=None, limit=100)
    return [model.attempt for model in found if model.job_id == job_id]


def test_the_first_due_job_by_priority_then_age_is_claimed(database: Database, dataset_id: int, tmp_path: Path) -> None:
    late = store_job(database, dataset_id=dataset_id, priority=5)
    urgent = store_job(database, dataset_id=dataset_id, priority=1)
    order: list[int] = []

    def note(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        order.append(job.id)
        return a_model(job)

    context = make_worker_context(database, tmp_path, note)
    assert run_next(context)
    assert run_next(context)
    assert not run_next(context)
    assert order == [urgent, late]


def test_many_workers_claim_each_job_once(database: Database, dataset_id: int, tmp_path: Path) -> None:
    wanted = [store_job(database, dataset_id=dataset_id) for _ in range(30)]
    context = make_worker_context(database, tmp_path, train_at_once)

    def work(_: int) -> int:
        done = 0
        while run_next(context):
            done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == len(wanted)
    for job_id in wanted:
        assert (read_job(database, job_id).status, read_job(database, job_id).attempt) == (JobStatus.COMPLETED, 1)
        assert models_of(database, job_id) == [1]


def test_what_a_job_says_at_the_very_end_is_kept(database: Database, dataset_id: int, tmp_path: Path) -> None:
    def speak_and_end(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        reporter.log("first")
        if job.id % 2:
            reporter.progress(0.5, "half", eta_seconds=None)
        reporter.log("last")
        return a_model(job)

    times = dataclasses.replace(QUICK, poll=0.001)  # so that the lease thread often looks just then
    context = make_worker_context(database, tmp_path, speak_and_end, times=times)
    for _ in range(60):
        job_id = store_job(database, dataset_id=dataset_id)
        assert run_next(context)
        with database.read() as connection:
            journal = read_events(connection, job_id, after=0, limit=10)
        assert [event.body.get("line", "end") for event in journal] == ["first", "last", "end"]


def test_a_late_attempt_writes_nothing_and_is_counted(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id)
    zombie = Patient(listens=False)
    first = in_background(make_worker_context(database, tmp_path, zombie, times=SHORT))
    zombie.started.wait(60)
    eventually(lambda: reap_once(resources).handed_back, what="the lease has ended")
    assert run_next(make_worker_context(database, tmp_path, train_at_once))
    zombie.finish.set()
    first.join(10)
    job = read_job(database, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    assert models_of(database, job_id) == [2]
    assert refused(database) == 1


def refused(database: Database) -> int:
    """How many late writes were counted."""
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM ledger WHERE kind = 'refused'")).scalar_one())


def test_an_attempt_that_lost_its_job_ends_with_its_process(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    database = resources.database
    store_job(database, dataset_id=dataset_id)
    ended = threading.Event()
    zombie = Patient(listens=False)
    times = LeaseTimes(lease=0.3, renew=1.0, poll=0.02, cancel_grace=0.1, drain_grace=0.1)
    context = make_worker_context(database, tmp_path, zombie, times=times, watchdog=RecordingWatchdog(ended.set))
    thread = in_background(context)
    zombie.started.wait(60)
    eventually(lambda: reap_once(resources).handed_back, what="the lease has ended")
    assert ended.wait(60), "the process that lost its job ends itself"
    zombie.finish.set()
    thread.join(10)
    assert refused(database) >= 1


def test_a_job_that_ends_in_order_counts_no_refusal(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    for _ in range(10):
        store_job(resources.database, dataset_id=dataset_id)
    busy = LeaseTimes(lease=5.0, renew=0.001, poll=0.001, cancel_grace=1.0, drain_grace=1.0)
    while run_next(make_worker_context(resources.database, tmp_path, train_at_once, times=busy)):
        assert refused(resources.database) == 0


def test_a_pending_job_is_cancelled_at_once_and_never_claimed(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    assert request_cancel(resources, job_id).status is JobStatus.CANCELLED
    assert request_cancel(resources, job_id).status is JobStatus.CANCELLED, "asking again is no error"
    assert not run_next(make_worker_context(resources.database, tmp_path, train_at_once))


def test_a_running_job_that_listens_is_cancelled_and_the_next_one_runs(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    following = store_job(resources.database, dataset_id=dataset_id)
    patient = Patient()
    thread = in_background(make_worker_context(resources.database, tmp_path, patient))
    patient.started.wait(60)
    request_cancel(resources, job_id)
    thread.join(10)
    assert read_job(resources.database, job_id).status is JobStatus.CANCELLED
    assert run_next(make_worker_context(resources.database, tmp_path, train_at_once))
    assert read_job(resources.database, following).status is JobStatus.COMPLETED


def test_a_running_job_that_does_not_listen_is_cancelled_with_its_process(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    deaf, ended = Patient(listens=False), threading.Event()
    thread = in_background(
        make_worker_context(resources.database, tmp_path, deaf, watchdog=RecordingWatchdog(ended.set))
    )
    deaf.started.wait(60)
    request_cancel(resources, job_id)
    assert ended.wait(60)
    assert read_job(resources.database, job_id).status is JobStatus.CANCELLED
    deaf.finish.set()
    thread.join(10)
    assert models_of(resources.database, job_id) == []


def test_a_job_cancelled_while_its_result_is_written_never_completes(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)

    def done_just_now(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        request_cancel(resources, job.id)
        return a_model(job)

    times = LeaseTimes(lease=90, renew=60, poll=60, cancel_grace=60, drain_grace=60)  # the lease does not look in time
    thread = in_background(make_worker_context(resources.database, tmp_path, done_just_now, times=times))
    thread.join(10)
    assert read_job(resources.database, job_id).status is JobStatus.CANCELLED
    assert models_of(resources.database, job_id) == []


def test_the_time_limit_counts_all_attempts_together(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id, max_runtime_seconds=60.0)
    with database.write() as connection:
        connection.execute(text("UPDATE jobs SET runtime_seconds = 59.9"))
    thread = in_background(make_worker_context(database, tmp_path, Patient()))
    thread.join(10)
    job = read_job(database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "timeout"
    assert 60.0 <= job.runtime_seconds < 65.0, "59.9 of earlier attempts, and this one's"


def test_a_draining_worker_gives_its_job_back_uncharged(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@test-1", kind="worker", body={"slots": 1})
    patient = Patient()
    thread = in_background(make_worker_context(database, tmp_path, patient))
    patient.started.wait(60)
    with database.write() as connection:
        heartbeats.mark_draining(connection, "worker@test-1")
    thread.join(10)
    job = read_job(database, job_id)
    assert (job.status, job.attempt, job.progress) == (JobStatus.PENDING, 1, 0.0)
    assert job.runtime_seconds > 0
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 0


def test_a_draining_worker_claims_no_other_job(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        for process in ("worker@test-1", "worker@test-2"):
            heartbeats.write_heartbeat(connection, process=process, kind="worker", body={"slots": 1})
        heartbeats.mark_draining(connection, "worker@test-1")
    assert not run_next(make_worker_context(resources.database, tmp_path, train_at_once, worker="worker@test-1"))
    assert read_job(resources.database, job_id).status is JobStatus.PENDING
    assert run_next(make_worker_context(resources.database, tmp_path, train_at_once, worker="worker@test-2"))


def test_the_third_lost_worker_ends_the_job(resources: Resources, dataset_id: int) -> None:
    database = resources.database
    job_id = store_job(database, dataset_id=dataset_id)
    for _ in range(3):
        with database.write() as connection:
            connection.execute(text("UPDATE jobs SET run_after = 0"))
            assert claims.claim_next(connection, worker="w", lease_seconds=-1.0)
        reap_once(resources)
    job = read_job(database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "poison"


def test_a_lost_job_with_a_cancel_request_is_cancelled(resources: Resources, dataset_id: int) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=-1.0)
    request_cancel(resources, job_id)
    assert reap_once(resources).cancelled == 1
    assert read_job(resources.database, job_id).status is JobStatus.CANCELLED


def test_a_crash_between_claim_and_verdict_loses_nothing(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=-1.0)
    assert reap_once(resources).handed_back == 1
    assert run_next(make_worker_context(resources.database, tmp_path, train_at_once))
    job = read_job(resources.database, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs SET status = 'RUNNING', lease_until = 1 WHERE status = 'COMPLETED'",
        "UPDATE jobs SET progress = 0.5 WHERE status = 'COMPLETED'",
        "UPDATE jobs SET attempt = attempt - 1 WHERE status = 'RUNNING'",
        "UPDATE jobs SET attempt = attempt + 1 WHERE status = 'RUNNING'",
        "UPDATE jobs SET status = 'RUNNING', lease_until = 1 WHERE status = 'PENDING'",
        "UPDATE jobs SET status = 'COMPLETED', result_id = 1 WHERE status = 'PENDING'",
        "UPDATE jobs SET status = 'FAILED' WHERE status = 'PENDING'",
        "UPDATE jobs SET status = 'NONSENSE' WHERE status = 'PENDING'",
        "UPDATE jobs SET progress = 1.5 WHERE status = 'RUNNING'",
        "UPDATE jobs SET lease_until = NULL WHERE status = 'RUNNING'",
    ],
)
def test_the_database_itself_refuses_what_no_code_may_do(
    database: Database, dataset_id: int, tmp_path: Path, statement: str
) -> None:
    store_job(database, dataset_id=dataset_id)
    run_next(make_worker_context(database, tmp_path, train_at_once))
    store_job(database, dataset_id=dataset_id)
    with database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=60)
    store_job(database, dataset_id=dataset_id)
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(text(statement))


def test_a_job_with_a_cancel_request_cannot_complete_even_by_hand(resources: Resources, dataset_id: int) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=60)
    request_cancel(resources, job_id)
    with resources.database.write() as connection:
        assert not jobs.complete(connection, job_id=job_id, attempt=1, result_id=1, rows_used=1, features_count=1)
    with pytest.raises(DBAPIError), resources.database.write() as connection:
        connection.execute(text("UPDATE jobs SET status='COMPLETED', result_id=1, lease_until=NULL"))


def totals(database: Database) -> dict[tuple[str, str], tuple[int, float]]:
    """Terminal transitions ever, by status: how many, and their seconds."""
    query = """SELECT label, sum(n), sum(seconds) FROM (
        SELECT label, n, seconds FROM ledger_totals WHERE kind = 'terminal'
        UNION ALL SELECT label, 1, seconds FROM ledger WHERE kind = 'terminal') AS both_parts GROUP BY label"""
    with database.read() as connection:
        return {(row[0], ""): (int(row[1]), float(row[2])) for row in connection.execute(text(query))}


def test_counters_equal_the_rows_before_while_and_after_folds(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    database = resources.database
    for _ in range(12):
        store_job(database, dataset_id=dataset_id)
    request_cancel(resources, store_job(database, dataset_id=dataset_id))
    while run_next(make_worker_context(database, tmp_path, train_at_once)):
        with database.write() as connection:
            ledger.fold(connection, limit=3)
        with database.read() as connection:
            rows = connection.execute(text("SELECT count(*) FROM jobs WHERE status = 'COMPLETED'")).scalar_one()
        assert totals(database)["COMPLETED", ""][0] == rows
    with database.write() as connection:
        connection.execute(text("DELETE FROM models"))
        connection.execute(text("DELETE FROM jobs"))  # a retention run
    assert totals(database)["COMPLETED", ""][0] == 12
    assert totals(database)["CANCELLED", ""] == (1, 0.0)


def test_progress_reaches_the_row_and_never_falls(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)
    go_on, finish = threading.Event(), threading.Event()

    def work(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        reporter.progress(0.6, "most of it", eta_seconds=4.0)
        reporter.features(30)
        go_on.wait(60)
        reporter.progress(0.2, "a stage that counts anew", eta_seconds=None)
        finish.wait(60)
        return a_model(job)

    thread = in_background(make_worker_context(resources.database, tmp_path, work))
    seen = eventually(lambda: (job := read_job(resources.database, job_id)).progress == 0.6 and job)
    assert (seen.progress_message, seen.eta_seconds, seen.features_count) == ("most of it", 4.0, 30)
    go_on.set()
    eventually(lambda: read_job(resources.database, job_id).progress_message == "a stage that counts anew")
    assert read_job(resources.database, job_id).progress == 0.6
    finish.set()
    thread.join(10)
    assert read_job(resources.database, job_id).progress == 1.0


def test_an_outage_that_is_not_the_jobs_fault_costs_it_nothing(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)

    def no_disk(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        raise OSError(28, "No space left on device")

    run_next(make_worker_context(resources.database, tmp_path, no_disk))
    job = read_job(resources.database, job_id)
    assert (job.status, job.attempt) == (JobStatus.PENDING, 1)
    assert job.run_after > job.created_at, "it waits a little before the next attempt"
    with resources.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 0


def test_a_job_that_was_given_back_with_a_delay_is_not_due_before(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    store_job(resources.database, dataset_id=dataset_id)
    with resources.database.write() as connection:
        job = claims.claim_next(connection, worker="w", lease_seconds=60)
        assert job is not None
        assert jobs.hand_back(connection, job_id=job.id, attempt=1, delay=60.0, message="waiting")
    assert not run_next(make_worker_context(resources.database, tmp_path, train_at_once))
    with resources.database.write() as connection:
        assert claims.count_due(connection, at_most=10) == 0
        connection.execute(text("UPDATE jobs SET run_after = run_after - 61"))
    assert run_next(make_worker_context(resources.database, tmp_path, train_at_once))


def test_whatever_a_library_raises_ends_the_job_and_not_the_worker(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    job_id = store_job(resources.database, dataset_id=dataset_id)

    def broken(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        raise ZeroDivisionError("in the library")

    assert run_next(make_worker_context(resources.database, tmp_path, broken, times=QUICK))
    job = read_job(resources.database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, "ZeroDivisionError" in job.error.message) == ("training_error", True)
