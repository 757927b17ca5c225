"""COMMIT was done and its answer lost, or the broker took a permit and could not say so: nothing is done twice."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ml_training.db.engine import Database, open_database
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import Unavailable
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import run_next
from ml_training.maintenance.cleanup import fold_ledger_once
from ml_training.maintenance.reaper import reap_once
from ml_training.queue.permits import open_permits
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_batch, submit_job
from tests.support.api import ready_dataset, train_spec
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, train_at_once
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy, proxy_to
from tests.support.redis_server import RedisServer
from tests.support.wiring import QUICK, make_resources, make_worker_context


@dataclass(frozen=True)
class Far:
    """A core whose database is behind a proxy, and the same database without it."""

    resources: Resources
    proxy: Proxy
    near: Database
    dataset_id: int

    def lose_commit(self) -> None:
        """The next COMMIT is done, and nobody hears of it."""
        self.proxy.lose_answers(b"COMMIT")

    def scalar(self, query: str) -> int:
        """One number, past the proxy."""
        with self.near.read() as connection:
            return int(connection.execute(text(query)).scalar_one() or 0)


@pytest.fixture
def far(new_postgresql: Any, postgres: PostgresServer, broker_url: str, tmp_path: Path) -> Iterator[Far]:
    """On PostgreSQL: SQLite has no wire that could be cut."""
    url = new_postgresql()
    near = open_database(url).of(DEFAULT_PROJECT_ID)
    with proxy_to(postgres.port) as proxy:
        through = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
        resources = make_resources(open_database(through), tmp_path / "storage", broker_url=broker_url)
        yield Far(resources, proxy, near, ready_dataset(replace(resources, database=near)))
        resources.close()
    near.dispose()


@pytest.mark.parametrize("how", ["one", "batch"])
def test_a_submission_whose_answer_was_lost_is_repeated_under_its_key_and_makes_one_job(far: Far, how: str) -> None:
    spec = train_spec(far.dataset_id)

    def submit() -> int:
        if how == "one":
            return submit_job(far.resources, spec, idempotency_key="k").id
        [item] = submit_batch(far.resources, [spec], idempotency_key="k")
        assert item.job is not None
        return item.job.id

    lose_the_commit_of_a_write(far)
    with pytest.raises(Unavailable):
        submit()
    assert far.scalar("SELECT count(*) FROM jobs") == 1, "it was committed"
    assert submit() == far.scalar("SELECT id FROM jobs")
    assert (far.scalar("SELECT count(*) FROM jobs"), far.proxy.lost) == (1, 1)


def lose_the_commit_of_a_write(far: Far) -> None:
    """Not of the reads that go before it: those are told apart by what the writer's transaction holds."""
    writes = far.resources.database.write

    def write() -> Any:
        far.resources.database.write = writes  # type: ignore[method-assign]
        far.lose_commit()
        return writes()

    far.resources.database.write = write  # type: ignore[method-assign]


def test_a_claim_whose_answer_was_lost_is_reaped_and_the_job_completes(far: Far, tmp_path: Path) -> None:
    job_id = submit_job(far.resources, train_spec(far.dataset_id)).id
    context = make_worker_context(far.resources.database, tmp_path, train_at_once)
    far.lose_commit()
    with pytest.raises(Unavailable):
        run_next(context)
    job = read_job(far.near, job_id)
    assert (job.status, job.attempt) == (JobStatus.RUNNING, 1)
    eventually(lambda: reap_once(far.resources).handed_back, what="its lease has ended")
    assert run_next(context)
    job = read_job(far.near, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)


def test_a_renewal_whose_answer_was_lost_stops_nothing(far: Far, tmp_path: Path) -> None:
    job_id = submit_job(far.resources, train_spec(far.dataset_id)).id

    def work(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        far.lose_commit()
        reporter.log("said once")
        reporter.progress(0.5, "half", eta_seconds=None)
        eventually(lambda: far.proxy.lost, what="a renewal was cut")
        reporter.progress(0.7, "more", eta_seconds=None)
        eventually(lambda: read_job(far.near, job.id).progress == 0.7, what="the next one arrives")
        return a_model(job)

    assert run_next(make_worker_context(far.resources.database, tmp_path, work, times=replace(QUICK, lease=30.0)))
    job = read_job(far.near, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    assert far.scalar("SELECT count(*) FROM ledger WHERE kind = 'refused'") == 0
    assert far.scalar("SELECT count(*) FROM job_events WHERE kind = 'end'") == 1


def test_a_verdict_whose_answer_was_lost_is_no_failure_and_counts_once(far: Far, tmp_path: Path) -> None:
    job_id = submit_job(far.resources, train_spec(far.dataset_id)).id

    def work(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        far.lose_commit()
        return a_model(job)

    blind = replace(QUICK, lease=60.0, renew=29.0, poll=0.05)  # so that the COMMIT is the verdict's
    context = make_worker_context(far.resources.database, tmp_path, work, times=replace(blind, poll=5.0))
    thread = threading.Thread(target=run_next, args=(context,), daemon=True)
    thread.start()
    thread.join(60)
    job = read_job(far.near, job_id)
    assert (job.status, job.attempt, job.error) == (JobStatus.COMPLETED, 1, None)
    assert far.proxy.lost == 1
    assert far.scalar("SELECT count(*) FROM models") == 1
    assert far.scalar("SELECT count(*) FROM ledger WHERE kind = 'terminal'") == 1
    assert far.scalar("SELECT count(*) FROM ledger WHERE kind = 'refused'") == 0


def test_a_cancel_or_a_fold_whose_answer_was_lost_can_be_repeated(far: Far) -> None:
    job_id = submit_job(far.resources, train_spec(far.dataset_id)).id
    for action in (lambda: request_cancel(far.resources, job_id), lambda: fold_ledger_once(far.resources)):
        far.lose_commit()
        with pytest.raises(Unavailable):
            action()
        action()
    assert read_job(far.near, job_id).status is JobStatus.CANCELLED
    assert far.scalar("SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal'") == 1


def test_a_permit_whose_answer_was_lost_costs_at_most_an_idle_claim(
    resources: Resources, redis_server: RedisServer, tmp_path: Path
) -> None:
    dataset_id = ready_dataset(resources)
    port = int(redis_server.url.rsplit(":", 1)[1].partition("/")[0])
    with proxy_to(port) as proxy:
        far = replace(
            resources, permits=open_permits(redis_server.url.replace(f":{port}/", f":{proxy.port}/"), budget=1.0)
        )
        proxy.lose_answers(b"LPUSH")
        job_id = submit_job(far, train_spec(dataset_id)).id
        eventually(lambda: proxy.lost == 1, what="another thread has sent the permit")
        assert resources.permits.waiting() == 1, "the broker took it all the same"
        resources.permits.send(4)  # and the relay, which cannot know, repeats it
        far.permits.close()
    context = make_worker_context(resources.database, tmp_path, train_at_once)
    assert [run_next(context) for _ in range(5)] == [True, False, False, False, False]
    job = read_job(resources.database, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)


def test_who_finds_no_connection_is_told_soon_and_nothing_hangs(postgres: PostgresServer, new_postgresql: Any) -> None:
    url = make_url(new_postgresql())
    postgres.execute("DROP ROLE IF EXISTS small")
    postgres.execute("CREATE ROLE small LOGIN CONNECTION LIMIT 1")
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO small", database=str(url.database))
    databases = [open_database(url.set(username="small").render_as_string(), pool_size=1, timeout=0.3) for _ in "ab"]
    with databases[0].read() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(Unavailable) as refused:
            databases[1].ping()
        assert refused.value.retry_after
        with pytest.raises(Unavailable):  # the overflow of the pool meets the server's limit
            databases[0].ping()
    databases[0].dispose()
    databases[1].ping()
    databases[1].dispose()
    postgres.execute("DROP OWNED BY small", database=str(url.database))
    postgres.execute("DROP ROLE small")
