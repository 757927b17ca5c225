"""The exporter while the database or the broker is away: it says so, keeps what it knows, and comes back by itself."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from exporter.collectors.base import Render, always
from exporter.collectors.jobs import JobsCollector
from exporter.live_progress import LiveProgress
from exporter.snapshot import DatabaseSnapshot
from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.db.stats import Stats
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.queue.celery_app import make_celery
from tests.support.collectors import StubCollector
from tests.support.eventually import eventually
from tests.support.exporter import ExporterClient, running_exporter
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.redis_server import start_redis
from tests.support.scenario import open_scenario, write_scenario

SLACK = 2.0  # what a loaded machine may add to a promise in seconds
AWAY = 3.0 + SLACK
BACK = 1.0 + SLACK
NEVER = 3_600.0  # an exporter that waits for its next snapshot does not show what is new


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that these tests may hurt, with the scenario in it."""
    with postgres_server() as server:
        database = open_database(server.url())
        migrate(database)
        write_scenario(open_scenario(database.of(DEFAULT_PROJECT_ID)))
        database.dispose()
        yield server


def connected(client: ExporterClient, value: int) -> bool:
    return client.series()["ml_db_connected"] == value


def test_a_database_that_stops_is_noticed_and_one_that_returns_too(own_postgres: PostgresServer) -> None:
    with running_exporter(own_postgres.url(), snapshot_seconds=1.0) as client:
        before = client.series()
        assert before["ml_db_connected"] == 1
        own_postgres.stop()
        try:
            eventually(lambda: connected(client, 0), within=AWAY)
            during = client.series()
            assert during.all("ml_jobs_total") == before.all("ml_jobs_total")
            assert during.all("ml_job_status") == before.all("ml_job_status")
            assert set(during.all("ml_exporter_collector_success", collector="ledger").values()) == {0}
            assert client.json("/health/live")[0] == 200
            status, ready = client.json("/health/ready")
            assert (status, ready["parts"]["database"]["ok"]) == (503, False)
        finally:
            own_postgres.start()
        eventually(lambda: connected(client, 1), within=BACK)
        assert client.series().value("ml_exporter_collector_success", collector="ledger") == 1


def seconds_of(scrape: Callable[[], object]) -> float:
    started = time.monotonic()
    scrape()
    return time.monotonic() - started


def test_a_database_that_hangs_is_noticed_too_and_no_scrape_waits_for_it(own_postgres: PostgresServer) -> None:
    with running_exporter(own_postgres.url(), snapshot_seconds=1.0) as client:
        assert connected(client, 1)
        with frozen(own_postgres):
            eventually(lambda: connected(client, 0), within=AWAY)
            # The fastest of three: a busy machine delays one scrape, a wait for the database would delay each.
            assert min(seconds_of(client.series) for _ in range(3)) < 1.0
            assert client.series()["ml_exporter_snapshot_age_seconds"] > 1.0
        eventually(lambda: connected(client, 1), within=BACK)


def test_an_exporter_that_starts_without_its_database_serves_and_says_so(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    with running_exporter(own_postgres.url(), snapshot_seconds=1.0) as client:
        try:
            page = client.series()
            assert (page["ml_db_connected"], page["ml_service_uptime_seconds"]) == (0, 0)
            # A 0 that jumps to the true number would be a burst of jobs to Prometheus: unknown is absent.
            assert "ml_jobs_total" not in page
            assert client.json("/health/ready")[0] == 503
        finally:
            own_postgres.start()
        eventually(lambda: connected(client, 1), within=BACK)
        assert sum(client.series().all("ml_jobs_total").values()) == 5


def test_jobs_leave_the_page_when_nobody_knows_any_more_how_they_are(database: Database) -> None:
    write_scenario(open_scenario(database))
    now = 1000.0
    collectors = (JobsCollector(LiveProgress()), StubCollector("models", lambda _: always({})))
    snapshot = DatabaseSnapshot(database, collectors, clock=lambda: now)
    snapshot.read()
    now += 60.0
    assert [name for name, _ in snapshot.renders()] == ["jobs", "models"]
    now += 0.1
    assert [name for name, _ in snapshot.renders()] == ["models"]
    assert snapshot.age == pytest.approx(60.1)
    snapshot.read()
    assert [name for name, _ in snapshot.renders()] == ["jobs", "models"]


def test_a_broken_collector_costs_its_own_answer_only(database: Database) -> None:
    write_scenario(open_scenario(database))

    def broken(stats: Stats) -> Render:
        stats._connection.exec_driver_sql("SELECT 1 / (SELECT count(*) - count(*) FROM jobs), missing FROM jobs")
        return always({})

    def fine(stats: Stats) -> Render:
        assert stats.live_jobs()
        return always({})

    collectors = (StubCollector("first", fine), StubCollector("broken", broken), StubCollector("last", fine))
    snapshot = DatabaseSnapshot(database, collectors)
    snapshot.read()
    if database.dialect == "postgresql":  # SQLite reports an unknown column as an outage
        assert {name: run.ok for name, run in snapshot.runs().items()} == {
            "first": True,
            "broken": False,
            "last": True,
        }
        assert snapshot.connected


def test_a_broker_that_stops_is_noticed_and_its_events_are_received_again(database_url: str, tmp_path: Path) -> None:
    server = start_redis(tmp_path / "redis")
    try:
        with running_exporter(database_url, server.url) as client:
            eventually(lambda: client.series()["ml_broker_connected"] == 1)
            assert client.series().value("ml_queue_depth", queue="permits") == 0
            server.kill()
            eventually(lambda: client.series()["ml_broker_connected"] == 0, within=AWAY)
            assert not client.series().all("ml_queue_depth", queue="permits")
            assert client.series()["ml_db_connected"] == 1
            server.restart()
            eventually(lambda: client.series()["ml_broker_connected"] == 1, within=BACK + 1.0)
            eventually(lambda: _receives(client, server.url), every=0.2, what="an event is counted")
            assert client.series()["ml_exporter_event_gaps_total"] == 1
    finally:
        server.stop()


def test_an_event_brings_progress_before_the_next_snapshot(
    database: Database, database_url: str, broker_url: str
) -> None:
    scenario = open_scenario(database)
    job_id = scenario.job(created=2.0)
    scenario.start(job_id, ago=1.0, progress=0.1)
    with running_exporter(database_url, broker_url, snapshot_seconds=NEVER) as client:
        assert client.series()["ml_job_progress_percent"] == 10
        eventually(lambda: _shows_progress(client, broker_url, job_id, 0.75), every=0.2)
        assert client.series()["ml_job_progress_percent"] == 75


def test_an_event_brings_a_snapshot_before_its_time(database: Database, database_url: str, broker_url: str) -> None:
    with running_exporter(database_url, broker_url, snapshot_seconds=NEVER) as client:
        eventually(lambda: client.series()["ml_broker_connected"] == 1)
        job_id = str(open_scenario(database).job(created=1.0))
        eventually(lambda: _shows_job(client, broker_url, job_id), every=0.2)


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Suspend every process of the server: connections stay open, nothing answers."""
    with closing(psycopg2.connect(server.url())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone() or (0,)
        postmaster = psutil.Process(backend).parent()
    assert postmaster is not None
    processes = [postmaster, *postmaster.children(recursive=True)]
    try:
        for process in processes:
            _signal(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            _signal(process, signal.SIGCONT)


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):  # the backend that reported its number is gone by now
        process.send_signal(number)


def _receives(client: ExporterClient, broker_url: str) -> bool:
    _send(broker_url, "task-sent")
    return client.series().value("ml_events_received_total", type="task-sent") > 0


def _shows_job(client: ExporterClient, broker_url: str, job_id: str) -> bool:
    return _receives(client, broker_url) and client.series().value("ml_job_status", job_id=job_id) == 1


def _shows_progress(client: ExporterClient, broker_url: str, job_id: int, progress: float) -> bool:
    _send(broker_url, "task-progress", job_id=job_id, attempt=1, progress=progress)
    return client.series()["ml_job_progress_percent"] == 100 * progress


def _send(broker_url: str, kind: str, **fields: object) -> None:
    app = make_celery(broker_url)
    try:
        with app.connection_for_write() as connection, app.events.Dispatcher(connection) as dispatcher:
            dispatcher.send(kind, **fields)
    finally:
        app.close()
