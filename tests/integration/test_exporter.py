"""A whole exporter over a real database: the page shows exactly what happens to jobs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, text

from exporter.collectors.jobs import FAMILIES, MAX_JOBS
from ml_training.db import claims, ledger
from ml_training.db import jobs as job_rows
from ml_training.db.engine import Database
from ml_training.db.job_events import append_events
from ml_training.db.tables import jobs
from ml_training.local.ports import free_port
from tests.support.eventually import eventually
from tests.support.exporter import DEAD_BROKER, OPENMETRICS, ExporterClient, Series, running_exporter
from tests.support.scenario import open_scenario, write_scenario

COMMAND = [sys.executable, "-m", "exporter"]
COUNTERS = (
    "ml_jobs_total",
    "ml_jobs_duration_seconds_bucket",
    "ml_jobs_duration_seconds_sum",
    "ml_jobs_duration_seconds_count",
    "ml_queue_wait_seconds_bucket",
    "ml_queue_wait_seconds_sum",
    "ml_job_attempts_lost_total",
    "ml_stale_writes_refused_total",
    "ml_training_rows_total",
    "ml_training_seconds_total",
)


@pytest.fixture
def new_sqlite_url(new_sqlite: Callable[[], str]) -> str:
    return new_sqlite()


@pytest.fixture
def exporter(database_url: str) -> Iterator[ExporterClient]:
    with running_exporter(database_url) as client:
        yield client


def test_a_job_is_followed_from_its_submission_to_its_end(exporter: ExporterClient, database: Database) -> None:
    scenario = open_scenario(database)
    job_id = str(scenario.job(created=10.0, phases_count=3))
    page = _page_with(exporter, "ml_job_status", job_id=job_id, status="PENDING")
    assert page.value("ml_job_progress_percent", job_id=job_id) == 0
    assert not page.all("ml_job_duration_seconds", job_id=job_id)
    assert not page.all("ml_job_features_count", job_id=job_id)
    assert page.value("ml_job_phases_count", job_id=job_id) == 3
    assert page["ml_queue_depth"] == 1
    assert page["ml_queue_oldest_seconds"] >= 9

    with database.write() as connection:
        claimed = claims.claim_next(connection, worker="worker@host-1", lease_seconds=30)
        assert claimed is not None
        progress = job_rows.JobProgress(fraction=0.25, message="", eta_seconds=12.0, features_count=8)
        job_rows.renew(connection, job_id=claimed.id, attempt=1, lease_seconds=30, progress=progress)
    page = _page_with(exporter, "ml_job_status", job_id=job_id, status="RUNNING")
    assert len(page.all("ml_job_status", job_id=job_id)) == 1
    assert page.value("ml_job_progress_percent", job_id=job_id) == 25
    assert page.value("ml_job_eta_seconds", job_id=job_id) == 12
    assert page.value("ml_job_features_count", job_id=job_id) == 8
    assert not page.all("ml_job_loss", job_id=job_id)
    assert page["ml_active_jobs"] == 1
    assert page["ml_queue_oldest_seconds"] == 0
    assert page.value("ml_queue_wait_seconds_count", job_type="TRAIN") == 1
    first = page.value("ml_job_duration_seconds", job_id=job_id)
    eventually(lambda: exporter.series().value("ml_job_duration_seconds", job_id=job_id) > first)

    with database.write() as connection:
        job_rows.complete(connection, job_id=int(job_id), attempt=1, result_id=1, rows_used=500, features_count=None)
    page = _page_with(exporter, "ml_job_status", job_id=job_id, status="COMPLETED")
    assert page.value("ml_job_progress_percent", job_id=job_id) == 100
    assert not page.all("ml_job_eta_seconds", job_id=job_id)
    assert page["ml_active_jobs"] == 0
    assert page.value("ml_jobs_total", job_type="TRAIN", status="COMPLETED") == 1
    assert page.value("ml_jobs_duration_seconds_count", job_type="TRAIN") == 1
    assert page.value("ml_training_rows_total", model_type="lightgbm") == 500


def test_the_latest_losses_of_the_running_attempt_are_shown_while_it_runs(
    exporter: ExporterClient, database: Database
) -> None:
    scenario = open_scenario(database)
    job_id = scenario.job(created=60.0)
    scenario.start(job_id, ago=50.0)
    scenario.report_scores(job_id, {"iteration": 1, "train_rmse": 4.0}, {"iteration": 2, "train_rmse": 3.0, "split": 2})
    page = _page_with(exporter, "ml_job_loss", 3.0, job_id=str(job_id))
    assert page.all("ml_job_loss") == page.all("ml_job_loss", job_id=str(job_id), split="train", score="rmse")
    with database.write() as connection:
        append_events(connection, job_id=job_id, attempt=1, events=[("log", {"line": "a line after the scores"})])
        append_events(connection, job_id=job_id, attempt=1, events=[("scores", {"iteration": 3, "train_rmse": 2.0})])
    _page_with(exporter, "ml_job_loss", 2.0, job_id=str(job_id))

    scenario.change(job_id, status="PENDING", lease_until=None, worker=None)
    scenario.start(job_id, ago=1.0, attempt=2)  # the old curve is not that of this attempt
    eventually(lambda: "ml_job_loss" not in exporter.series(), what="the losses of the lost attempt are gone")
    scenario.report_scores(job_id, {"iteration": 1, "train_rmse": 4.0}, attempt=2)
    _page_with(exporter, "ml_job_loss", 4.0, job_id=str(job_id))
    scenario.end(job_id, "COMPLETED", ago=0.0)
    eventually(lambda: "ml_job_loss" not in exporter.series(), what="a job that has ended has no loss")


def test_no_counter_moves_when_rows_are_folded_or_deleted(exporter: ExporterClient, database: Database) -> None:
    write_scenario(open_scenario(database))
    before = _counters(_page_with(exporter, "ml_training_rows_total", 1000, model_type="extra_trees"))
    with database.write() as connection:
        assert ledger.fold(connection, limit=1000) > 0
        connection.execute(text("DELETE FROM models"))
        connection.execute(delete(jobs))
    eventually(lambda: "ml_job_status" not in exporter.series())
    page = _page_with(exporter, "ml_models_total", 0)
    assert _counters(page) == before
    assert sum(value for name, _, value in before if name == "ml_jobs_total") == 5


def test_scrapers_get_the_format_and_the_encoding_that_they_ask_for(
    exporter: ExporterClient, database: Database
) -> None:
    write_scenario(open_scenario(database))
    _page_with(exporter, "ml_models_total", 2)
    status, headers, body = exporter.get("/metrics", Accept=OPENMETRICS)
    assert (status, headers["content-type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert len(Series(body.decode(), openmetrics=True)) > 200
    for accept in ("", "application/openmetrics-text;version=2.0.0"):
        _, headers, _ = exporter.get("/metrics", Accept=accept, **{"Accept-Encoding": "gzip"})
        assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert headers["content-encoding"] == "gzip"


def test_hostile_names_in_the_database_do_not_break_the_page(exporter: ExporterClient, database: Database) -> None:
    scenario = open_scenario(database)
    evil = 'worker"} 1\nml_db_connected 0\n# EOF\n\\'
    for name in (evil, evil.replace("\n", " "), "x" * 500, "ünïcödé", "\u2028", ""):
        scenario.process(name, "worker", ago=1.0, slots=2, rss_bytes=1)
    scenario.start(scenario.job(created=2.0, model_type=evil), ago=1.0, worker=evil)
    page = _page_with(exporter, "ml_job_status", model_type="other", status="RUNNING")
    assert page["ml_db_connected"] == 1
    assert page["ml_workers_up"] == 4  # two pairs read the same as labels
    _, _, body = exporter.get("/metrics", Accept=OPENMETRICS)
    assert len(Series(body.decode(), openmetrics=True)) == len(exporter.series())


def test_too_many_jobs_are_cut_running_ones_first_and_counted(database_url: str, database: Database) -> None:
    scenario = open_scenario(database)
    running = str(scenario.job(created=1.0))
    many = [_pending_job(created_at=scenario.base + n, run_after=scenario.base) for n in range(2, MAX_JOBS + 502)]
    with database.write() as connection:
        connection.execute(insert(jobs), many)
    scenario.start(int(running), ago=0.0)
    with running_exporter(database_url) as exporter:
        page = exporter.series()
        assert len(page.all("ml_job_status")) == MAX_JOBS
        assert page.value("ml_job_status", job_id=running) == 2
        assert page.value("ml_jobs_current", job_type="TEST", status="PENDING") == MAX_JOBS + 500
        assert page["ml_exporter_series_dropped_total"] % (501 * len(FAMILIES)) == 0
        assert page["ml_exporter_series_dropped_total"] > 0
        assert len(page) < 15_000
        oldest = {str(n) for n in range(2, MAX_JOBS + 1)}
        assert page.labels("ml_job_status", "job_id") == {running} | oldest


def test_the_health_routes_say_who_answers_and_what_is_missing(exporter: ExporterClient) -> None:
    assert exporter.json("/health/live") == (200, {"status": "ok", "pid": os.getpid()})
    status, ready = exporter.json("/health/ready")
    assert (status, ready["status"], ready["pid"]) == (200, "ready", os.getpid())
    assert {name: part["ok"] for name, part in ready["parts"].items()} == {
        "database": True,
        "snapshot": True,
        "page": True,
        "broker": False,
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_starts_answers_and_ends_in_order(new_sqlite_url: str, tmp_path: Path, number: int) -> None:
    with _process(new_sqlite_url, tmp_path) as (process, client):
        eventually(lambda: client.json("/health/live") == (200, {"status": "ok", "pid": process.pid}))
        assert client.series()["ml_db_connected"] == 1
        process.send_signal(number)
        assert process.wait(60) == 0


def test_a_taken_port_ends_the_process_with_a_line_that_says_so(exporter: ExporterClient, tmp_path: Path) -> None:
    environment = _environment("", tmp_path, exporter.port)
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "in use" in done.stderr


@contextmanager
def _process(database_url: str, directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], ExporterClient]]:
    """An exporter as its own process; killed if the test leaves it running."""
    client = ExporterClient(free_port())
    process = subprocess.Popen(COMMAND, env=_environment(database_url, directory, client.port))
    try:
        yield process, client
    finally:
        process.kill()
        process.wait()


def _pending_job(**columns: float) -> dict[str, Any]:
    return {
        "job_type": "TEST",
        "model_type": "ridge",
        "status": "PENDING",
        "spec": {},
        "priority": 5,
        "attempt": 0,
        "cancel_requested": False,
        "max_runtime_seconds": 1.0,
        "runtime_seconds": 0.0,
        "progress": 0.0,
        "progress_message": "",
        "phases_count": 0,
        **columns,
    }


def _environment(database_url: str, directory: Path, port: int) -> dict[str, str]:
    prefix = "ML_TRAINING_"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefix)}
    return {
        **kept,
        f"{prefix}DATABASE_URL": database_url,
        f"{prefix}DATA_DIR": str(directory),
        f"{prefix}BROKER_URL": DEAD_BROKER,
        f"{prefix}EXPORTER_PORT": str(port),
    }


def _page_with(exporter: ExporterClient, name: str, value: float | None = None, **labels: str) -> Series:
    """The first page that has this series, with this value if one is given."""

    def look() -> Series | None:
        page = exporter.series()
        found = list(page.all(name, **labels).values())
        return page if found and value in {None, *found} else None

    page = eventually(look, what=f"{name}{labels} on the page")
    assert page is not None
    return page


def _counters(page: Series) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    return {(name, labels, value) for name in COUNTERS for labels, value in page.all(name).items()}


def test_only_who_shows_the_token_reads_the_metrics(new_sqlite_url: str) -> None:
    token = "t0ken-of-the-scraper"
    with running_exporter(new_sqlite_url, metrics_token=token) as client:
        eventually(lambda: client.get("/metrics", Authorization=f"Bearer {token}")[0] == 200, what="the page is there")
        for shown in (
            {},
            *({"Authorization": text} for text in ("", token, f"Bearer {token}x", f"Bearer {token[:-1]}")),
        ):
            status, headers, body = client.get("/metrics", **shown)
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert token.encode() not in body
        assert client.get("/health/live")[0] == 200
