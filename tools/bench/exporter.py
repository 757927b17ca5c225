"""`make bench-exporter`: what the exporter costs and how fast it is beside 1,000,000 jobs, on this machine.

Figures for people, not a test: the machine should be quiet. Smaller: `--jobs 20000 --events 20000 --scrapes 200`.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from ml_training.db import claims, jobs
from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.queue.celery_app import make_celery
from tests.support.counter_stress import run_stress
from tests.support.eventually import eventually
from tests.support.jobs import store_job
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.redis_server import RedisServer, start_redis
from tools.bench.feeding import record
from tools.bench.filling import add_live, fill, fold, terminal_rows
from tools.bench.fuzzing import fuzzed
from tools.bench.scraping import Scraper
from tools.bench.subject import Subject, idle_cpu, running_subject

LIVE_FEW, LIVE_MANY, RUNNING_MANY = 200, 2_000, 1_200
FIRST_EVENTS = 200_000
ENDLESS = 10**9


@dataclass
class Report:
    """Figures by name, one column a database."""

    columns: list[str] = field(default_factory=list)
    rows: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def add(self, name: str, target: str, value: str) -> None:
        """One figure of the column begun last."""
        self.rows.setdefault(name, (target, {}))[1][self.columns[-1]] = value
        sys.stderr.write(f"  {self.columns[-1]}: {name}: {value} (target {target or '-'})\n")

    def table(self) -> str:
        """Everything, aligned."""
        header = ("", "target", *self.columns)
        body = [
            (name, target, *(cells.get(c, "") for c in self.columns)) for name, (target, cells) in self.rows.items()
        ]
        widths = [max(len(row[at]) for row in (header, *body)) for at in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *body)
        )


@dataclass(frozen=True)
class Bench:
    """One database's run: the parts, and where the figures go."""

    options: argparse.Namespace
    report: Report
    database: Database
    broker: RedisServer
    subject: Subject

    def add(self, name: str, target: str, value: str) -> None:
        """One figure."""
        self.report.add(name, target, value)


def quantiles(values: Sequence[float]) -> str:
    """Median, p99 and maximum of milliseconds."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"p50 {statistics.median(ordered):.2f}  p99 {p99:.2f}  max {ordered[-1]:.0f} ms"


def run_module(name: str, *arguments: object) -> dict[str, Any]:
    """Run a module of the bench in a process of its own; what it said."""
    command = [sys.executable, "-m", f"tools.bench.{name}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@contextmanager
def feeding(bench: Bench, mode: str) -> Iterator[None]:
    """Events at full rate until the end of the block."""
    command = [sys.executable, "-m", "tools.bench.feeding", bench.broker.url, mode, str(ENDLESS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        before = bench.subject.events()
        eventually(lambda: bench.subject.events() > before + 5_000, within=60, what="the feeder feeds")
        yield
    finally:
        process.kill()
        process.wait()


def measure_scrapes(bench: Bench, name: str, target: str) -> None:
    """Scrapes with gzip, not in step with the exporter."""
    answer = run_module("scraping", bench.subject.port, bench.options.scrapes, 10)
    bench.add(name, target, quantiles(answer["ms"]))
    bench.add(f"{name}: a mere wake-up", "", quantiles(answer["late"]))
    if not target.startswith("p99"):
        size = f"{len(bench.subject.series()):,} series, {answer['bytes'] / 1000:.0f} kB gzip"
        bench.add("page", "15,000 series", size)


def measure_events(bench: Bench, mode: str, target: str) -> None:
    """Events a CPU second over the first 200,000, and over all the rest."""
    first = min(FIRST_EVENTS, bench.options.events)
    bench.add(f"events a CPU second, {mode}, first {first:,}", target, f"{_events_a_second(bench, mode, first):,.0f}")
    after_first = bench.subject.rss()
    rest = bench.options.events - first
    if rest > 0:
        rate = _events_a_second(bench, mode, rest)
        bench.add(f"events a CPU second, {mode}, to {bench.options.events:,}", target, f"{rate:,.0f}")
    now = bench.subject.rss()
    bench.add(f"memory after {mode} events", "95 MB", f"{after_first:.1f} then {now:.1f} MB")
    bench.add(
        f"growth over {mode} events {first:,} to {bench.options.events:,}", "1 MB", f"{now - after_first:+.2f} MB"
    )


def _events_a_second(bench: Bench, mode: str, events: int) -> float:
    before, cpu = bench.subject.events(), bench.subject.cpu()
    answer = run_module("feeding", bench.broker.url, mode, events)
    wanted = before + answer["recorded"] + answer["sent"]
    eventually(lambda: bench.subject.events() >= wanted, within=120, every=0.25, what="every event is counted")
    return float(answer["recorded"] + answer["sent"]) / (bench.subject.cpu() - cpu)


def measure_freshness(bench: Bench, *, with_events: bool) -> None:
    """From COMMIT to the page, for submissions, starts and ends, each with the event that Celery sends then."""
    took: list[float] = []
    app = make_celery(bench.broker.url)
    with app.connection_for_write() as connection, app.events.Dispatcher(connection) as dispatcher:

        def visible(job_id: int, status: str, kind: str) -> None:
            if with_events:
                dispatcher.send(kind, job_id=job_id, attempt=1, progress=0.01)
            started = time.perf_counter()
            line = b'ml_job_status{job_id="%d",job_type="TRAIN",model_type="lightgbm",status="%s"}' % (
                job_id,
                status.encode(),
            )
            eventually(lambda: bench.subject.shows(line), within=30, every=0.003, what=f"job {job_id} {status}")
            took.append(1000 * (time.perf_counter() - started))

        for _ in range(bench.options.changes):
            _live_a_life(bench.database, visible)
    app.close()
    name, target = ("with", "p99 400 ms") if with_events else ("without", "p99 1500 ms")
    bench.add(f"commit to page, {name} events", target, quantiles(took))


def _live_a_life(database: Database, visible: Callable[[int, str, str], None]) -> None:
    job_id = store_job(database, dataset_id=1, priority=1)
    visible(job_id, "PENDING", "task-sent")
    with database.write() as connection:
        claimed = claims.claim_next(connection, worker="worker@host-1", lease_seconds=3600)
    assert claimed is not None
    visible(claimed.id, "RUNNING", "task-progress")
    with database.write() as connection:
        jobs.complete(connection, job_id=claimed.id, attempt=1, result_id=1, rows_used=1, features_count=1)
    visible(claimed.id, "COMPLETED", "task-succeeded")


def measure_fuzz(bench: Bench) -> None:
    """Broken and hostile messages: the process lives on, and no number of the database moves."""
    fold(bench.database)
    recorded = [message for _, message, _ in record(bench.broker.url, batched=True)]
    before, events = _from_database(bench), bench.subject.events()
    with redis.Redis.from_url(bench.broker.url) as client, client.pipeline(transaction=False) as pipeline:
        for number, (channel, message) in enumerate(fuzzed(recorded, count=bench.options.fuzz, seed=7), start=1):
            pipeline.publish(channel, message)
            if number % 200 == 0:
                pipeline.execute()
        pipeline.execute()
    eventually(lambda: bench.subject.events() >= events + bench.options.fuzz, within=120, every=0.25)
    eventually(lambda: bench.subject.shows(b"ml_event_lag_seconds"), within=10)
    after = _from_database(bench)
    wrong = sum(after.get(key) != value for key, value in before.items()) + len(after.keys() - before.keys())
    crashes = 0 if bench.subject.alive() else 1
    bench.add(f"{bench.options.fuzz:,} fuzzed messages", "0 / 0", f"{crashes} crashes, {wrong} wrong values")


def _from_database(bench: Bench) -> dict[str, float]:
    own = ("ml_events_", "ml_event_lag", "ml_exporter_", "process_", "python_")
    moving = ("ml_job_duration_seconds", "ml_service_uptime", "ml_queue_oldest", "ml_worker_heartbeat_age")
    lines = bench.subject.scrape().body.decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith(("#", *own, *moving)))
    return {name: float(value) for name, _, value in pairs}


def measure_outage(bench: Bench, gauge: str, *, stop: Callable[[], None], start: Callable[[], None]) -> None:
    """How long until the gauge says so and comes back, and what scrapes take meanwhile."""
    took: list[float] = []
    ended, other = threading.Event(), Scraper(bench.subject.port)

    def ask() -> None:
        while not ended.is_set():
            answer = other.scrape()
            assert answer.status == 200
            took.append(1000 * answer.seconds)
            ended.wait(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    started = time.monotonic()
    stop()
    eventually(lambda: bench.subject.shows(b"%s 0" % gauge.encode()), within=30, every=0.01)
    away = time.monotonic() - started
    eventually(lambda: time.monotonic() > started + 4, within=10)
    start()
    started = time.monotonic()
    eventually(lambda: bench.subject.shows(b"%s 1" % gauge.encode()), within=30, every=0.01)
    back = time.monotonic() - started
    ended.set()
    asking.join()
    bench.add(f"{gauge}: 0 after the kill, 1 after the return", "3 s, 1 s", f"{away:.2f} s, {back:.2f} s")
    bench.add(f"{gauge}: scrapes meanwhile", "10 ms", quantiles(took))


def measure(bench: Bench, postgres: PostgresServer | None) -> None:
    """Everything, from the quiet to the loud."""
    bench.subject.scrape()
    bench.add("memory at the start", "", f"{bench.subject.rss():.1f} MB")
    bench.add(
        f"CPU idle, {LIVE_FEW} running jobs", "1 %", f"{idle_cpu(bench.subject, seconds=bench.options.idle):.2f} %"
    )
    measure_freshness(bench, with_events=False)
    measure_freshness(bench, with_events=True)
    add_live(bench.database, running=RUNNING_MANY - LIVE_FEW, pending=LIVE_MANY - RUNNING_MANY)
    eventually(lambda: len(bench.subject.series().all("ml_job_status")) == LIVE_MANY, within=30)
    measure_scrapes(bench, "scrape", "p50 1, p99 10 ms")
    for mode, target in (("single", "60,000"), ("batched", "90,000")):
        measure_events(bench, mode, target)
    for mode in ("single", "batched"):
        with feeding(bench, mode):
            measure_scrapes(bench, f"scrape, {mode} events at full rate", "p99 25 ms")
    bench.add("memory after that", "95 MB", f"{bench.subject.rss():.1f} MB")
    measure_fuzz(bench)
    if postgres is not None:
        measure_outage(bench, "ml_db_connected", stop=postgres.stop, start=postgres.start)
    measure_outage(bench, "ml_broker_connected", stop=bench.broker.kill, start=bench.broker.restart)
    counted = {
        (dict(labels)["job_type"], dict(labels)["status"]): int(value)
        for labels, value in bench.subject.series().all("ml_jobs_total").items()
        if value
    }
    bench.add(
        "ml_jobs_total against the rows", "equal", "equal" if counted == terminal_rows(bench.database) else "WRONG"
    )


@contextmanager
def database_of(kind: str, directory: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    """The URL of an empty database, and its server if there is one."""
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'bench.db'}", None
        return
    with postgres_server() as server:
        yield server.url(), server


def run(kind: str, options: argparse.Namespace, report: Report) -> None:
    """One column of the table."""
    report.columns.append(kind)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, postgres = stack.enter_context(database_of(kind, directory))
        broker = start_redis(directory / "redis")
        stack.callback(broker.stop)
        database = open_database(url).of(DEFAULT_PROJECT_ID)
        stack.callback(database.dispose)
        migrate(database)
        fill(database, finished=options.jobs)
        add_live(database, running=LIVE_FEW, pending=0)
        subject = stack.enter_context(running_subject(url, broker.url, directory))
        measure(Bench(options, report, database, broker, subject), postgres)


def run_kills(kind: str, options: argparse.Namespace, report: Report) -> None:
    """Counters against rows while everything is killed, in a database of its own."""
    with tempfile.TemporaryDirectory() as directory, database_of(kind, Path(directory)) as (url, _):
        database = open_database(url).of(DEFAULT_PROJECT_ID)
        migrate(database)
        database.dispose()
        outcome = run_stress(url, Path(directory), kills=options.kills, seed=options.kills)
    value = f"0 wrong in {outcome.reads:,} reads and {outcome.pages:,} pages, {outcome.jobs:,} jobs"
    report.add(f"{options.kills} random kills", "0 wrong", value)


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(prog="make bench-exporter", description=__doc__)
    for name, default in (("jobs", 1_000_000), ("events", 1_000_000), ("scrapes", 2_000), ("fuzz", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--changes", type=int, default=40, help="jobs followed from submission to end")
    parser.add_argument("--kills", type=int, default=100, help="random kills of writers, folder and exporters")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    report = Report()
    for kind in options.databases:
        run(kind, options, report)
        if options.kills:
            run_kills(kind, options, report)
    sys.stdout.write(f"The exporter beside {options.jobs:,} finished jobs, {os.cpu_count()} cores\n{report.table()}\n")


if __name__ == "__main__":
    main()
