"""Writers, a folder and exporters that are killed at random, and a reader that holds the counters against the rows."""

import contextlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, text

from exporter.__main__ import main as export
from ml_training.db import jobs
from ml_training.db.engine import Database, open_database
from ml_training.db.stats import LedgerTotal, Stats
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import ErrorCode, Interrupted, JobFailed, StopReason, Unavailable
from ml_training.domain.histogram_buckets import DURATION_BUCKETS, WAIT_BUCKETS, bucket_of
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import run_next
from ml_training.local.ports import free_port
from ml_training.logs import configure_logs
from ml_training.maintenance.cleanup import fold_ledger_once
from ml_training.maintenance.reaper import reap_once
from tests.support.eventually import eventually
from tests.support.exporter import DEAD_BROKER, ExporterClient, Series
from tests.support.forked_processes import FORKS
from tests.support.jobs import a_model, store_dataset, store_job
from tests.support.wiring import make_resources, make_worker_context

WRITERS = ("writer-1", "writer-2", "writer-3")
EXPORTERS = ("exporter-1", "exporter-2")
JOB_ROWS = "SELECT job_type, status, created_at, started_at, finished_at FROM jobs"
TYPES = (JobType.TRAIN, JobType.TRAIN, JobType.TEST, JobType.COMPARE)


class Wrong(AssertionError):
    """A counter is not what the rows say."""


@dataclass
class Tally:
    """Counts by key, and sums of seconds by key."""

    counts: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    seconds: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def add(self, key: tuple[Any, ...], seconds: float = 0.0, n: int = 1) -> None:
        """Count."""
        self.counts[key] += n
        self.seconds[key[:2]] += seconds  # type: ignore[assignment]  # a Counter of floats adds up as well

    def add_rows(self, rows: Iterable[Any]) -> None:
        """Count job rows as the counters should: each start once, each end once."""
        for job_type, status, created, started, finished in rows:
            if started is not None:
                waited = max(0.0, started - created)
                self.add(("wait", job_type, "", bucket_of(waited, WAIT_BUCKETS)), waited)
            if finished is not None:
                took = None if started is None else max(0.0, finished - started)
                bucket = -1 if took is None else bucket_of(took, DURATION_BUCKETS)
                self.add(("terminal", job_type, status, bucket), took or 0.0)


class Reader:
    """Compares, in one consistent snapshot, what the ledger says with what the rows say; the only one that deletes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._deleted = Tally()
        self._before: Counter[tuple[Any, ...]] = Counter()
        self.reads = 0

    def compare(self) -> Tally:
        """What is counted now; raises Wrong."""
        with self._database.read() as connection:
            counted = _counted(Stats(connection).ledger())
            true = self._true(connection)
        self.reads += 1
        if counted.counts != true.counts:
            raise Wrong(
                f"counted but not there: {counted.counts - true.counts}, not counted: {true.counts - counted.counts}"
            )
        for key, seconds in true.seconds.items():
            if abs(counted.seconds[key] - seconds) > 1e-6:
                raise Wrong(f"{key}: counted {counted.seconds[key]} s, rows {seconds} s")
        fallen = {key: n for key, n in self._before.items() if counted.counts[key] < n}
        if fallen:
            raise Wrong(f"fell: {fallen}")
        self._before = counted.counts
        return counted

    def delete(self, most: int) -> int:
        """Remove the oldest terminal jobs as retention does; returns how many."""
        oldest = f"SELECT id FROM jobs WHERE finished_at IS NOT NULL ORDER BY id LIMIT {most}"
        with self._database.write() as connection:
            ids = [row[0] for row in connection.execute(text(oldest))]
            listed = ", ".join(map(str, ids)) or "NULL"
            lost = connection.execute(
                text(f"SELECT count(*) FROM lost_attempts WHERE job_id IN ({listed})")
            ).scalar_one()
            self._deleted.add_rows(connection.execute(text(f"{JOB_ROWS} WHERE id IN ({listed})")).all())
            self._deleted.counts["lost",] += lost
            connection.execute(text(f"DELETE FROM jobs WHERE id IN ({listed})"))
        return len(ids)

    def _true(self, connection: Connection) -> Tally:
        true = Tally(self._deleted.counts.copy(), self._deleted.seconds.copy())
        true.add_rows(connection.execute(text(JOB_ROWS)).all())
        true.counts["lost",] += connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one()
        return true


def _counted(rows: Iterable[LedgerTotal]) -> Tally:
    tally = Tally()
    for row in rows:
        if row.kind == "lost":
            tally.counts["lost",] += row.n
        elif row.kind != "refused":
            tally.add((row.kind, row.job_type, row.label, row.bucket), row.seconds, row.n)
    tally.counts["lost",] += 0
    return tally


class ProcessGroup:
    """The processes, by name; each can be killed, and is started again at once."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory
        self._processes: dict[str, BaseProcess] = {}
        self._starts = 0
        self.ports = {name: free_port() for name in EXPORTERS}

    def start(self, name: str) -> None:
        """Start the process of this name."""
        self._starts += 1
        body: tuple[Callable[..., object], tuple[object, ...]]
        if name in WRITERS:
            body = write_jobs, (self._url, str(self._directory), self._starts)
        elif name in EXPORTERS:
            body = export_metrics, (self._url, str(self._directory), self.ports[name])
        else:
            body = fold_and_reap, (self._url, str(self._directory))
        process = FORKS.Process(target=body[0], args=body[1], daemon=True)
        process.start()
        self._processes[name] = process

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self._processes.pop(name)
        process.kill()
        process.join()

    def kill_all(self) -> None:
        """Nothing is left."""
        for name in list(self._processes):
            self.kill(name)


@dataclass
class Outcome:
    """What happened during a run."""

    reads: int
    pages: int
    jobs: int


def run_stress(url: str, directory: Path, *, kills: int, seed: int) -> Outcome:
    """Kill `kills` processes at random while the reader compares; raises Wrong."""
    database, chance = open_database(url).of(DEFAULT_PROJECT_ID), random.Random(seed)
    reader, pages = Reader(database), 0
    with _running_group(url, directory, database) as group:
        names = (*WRITERS, "folder", *EXPORTERS)
        last: dict[str, dict[Any, float]] = {}
        for number in range(1, kills + 1):
            until = time.monotonic() + chance.uniform(0.02, 0.4)
            while time.monotonic() < until:
                reader.compare()
            pages += sum(_check_page(name, group, reader, last) for name in EXPORTERS)
            if number % max(1, kills // 3) == 0:
                reader.delete(chance.randint(10, 200))
                reader.compare()
            victim = chance.choice(names)
            group.kill(victim)
            group.start(victim)
        for name in WRITERS:
            group.kill(name)
        eventually(lambda: not _runs(database), what="the reaper has ended what the dead had begun")
        counted = reader.compare()
        for name in EXPORTERS:
            eventually(partial(_agrees, group, name, counted), what=f"{name} says what is counted")
    database.dispose()
    ended = sum(n for key, n in counted.counts.items() if key[0] == "terminal")
    return Outcome(reader.reads, pages, ended)


@contextmanager
def _running_group(url: str, directory: Path, database: Database) -> Iterator[ProcessGroup]:
    store_dataset(database)
    group = ProcessGroup(url, directory)
    try:
        for name in (*WRITERS, "folder", *EXPORTERS):
            group.start(name)
        yield group
    finally:
        group.kill_all()


def _check_page(name: str, group: ProcessGroup, reader: Reader, last: dict[str, dict[Any, float]]) -> bool:
    page = _page(group.ports[name])
    if page is None:
        return False
    found = _counters(page)
    fallen = [key for key, value in last.get(name, {}).items() if found and found[key] < value]
    if fallen:
        raise Wrong(f"{name}: fell: {fallen}")
    true = _wanted(reader.compare())
    ahead = [key for key, value in found.items() if value > true.get(key, 0) + 1e-5]
    if ahead:
        raise Wrong(f"{name}: counts what is not there: {ahead}")
    last[name] = found or last.get(name, {})
    return bool(found)


def _agrees(group: ProcessGroup, name: str, counted: Tally) -> bool:
    page = _page(group.ports[name])
    if page is None:
        return False
    found, wanted = _counters(page), _wanted(counted)
    assert {key: value for key, value in found.items() if abs(value - wanted.get(key, 0.0)) > 1e-5} == {}
    return set(wanted) <= set(found)


def _page(port: int) -> Series | None:
    with contextlib.suppress(OSError):
        return ExporterClient(port).series()
    return None


def _counters(page: Series) -> dict[Any, float]:
    """The page's counters and histograms under the names of `_wanted`."""
    names = (
        "ml_jobs_total",
        "ml_jobs_duration_seconds_count",
        "ml_jobs_duration_seconds_sum",
        "ml_queue_wait_seconds_count",
    )
    found = {(name, labels): value for name in names for labels, value in page.all(name).items()}
    for metric in ("ml_jobs_duration_seconds_bucket", "ml_queue_wait_seconds_bucket"):
        found |= {(metric, labels): value for labels, value in page.all(metric).items()}
    return found


def _wanted(counted: Tally) -> dict[Any, float]:
    wanted: Counter[Any] = Counter()
    for (kind, *rest), n in counted.counts.items():
        if kind == "terminal":
            job_type, status, bucket = rest
            wanted["ml_jobs_total", frozenset({("job_type", job_type), ("status", status)})] += n
            _place(wanted, "ml_jobs_duration_seconds", DURATION_BUCKETS, job_type, bucket, n)
        elif kind == "wait":
            _place(wanted, "ml_queue_wait_seconds", WAIT_BUCKETS, rest[0], rest[2], n)
    for (kind, *types), seconds in counted.seconds.items():
        if kind == "terminal":
            wanted["ml_jobs_duration_seconds_sum", frozenset({("job_type", types[0])})] = seconds
    return dict(wanted)


def _place(wanted: Counter[Any], name: str, bounds: tuple[float, ...], job_type: str, bucket: int, n: int) -> None:
    if bucket < 0:
        return
    of_type = ("job_type", job_type)
    wanted[f"{name}_count", frozenset({of_type})] += n
    for number, edge in enumerate((*map(str, bounds), "+Inf")):
        if number >= bucket:
            wanted[f"{name}_bucket", frozenset({of_type, ("le", edge)})] += n


def _runs(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM jobs WHERE status = 'RUNNING'")).scalar_one())


def write_jobs(url: str, directory: str, seed: int) -> NoReturn:
    """Submit and run jobs of every fate until killed."""
    configure_logs("console", "ERROR")
    database, chance, rest = (
        open_database(url, pool_size=2).of(DEFAULT_PROJECT_ID),
        random.Random(seed),
        threading.Event(),
    )

    def handle(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        rest.wait(chance.choices((0.0, 0.01, 0.15, 0.6), (20, 6, 1, 1))[0])
        fate = chance.random()
        if fate < 0.1:
            raise JobFailed(ErrorCode.BAD_SPEC, "as it was meant to")
        if fate < 0.2:
            raise Interrupted(StopReason.CANCEL)
        if fate < 0.3:
            raise Unavailable("as it was meant to")
        return a_model(job)

    context = make_worker_context(database, Path(directory) / "storage", handle, worker=f"worker@exact-{os.getpid()}")
    while True:
        with contextlib.suppress(Unavailable):
            job_id = store_job(database, dataset_id=1, job_type=chance.choice(TYPES))
            if chance.random() < 0.1:
                with database.write() as connection:
                    jobs.request_cancel(connection, job_id)
            run_next(context)


def fold_and_reap(url: str, directory: str) -> NoReturn:
    """Fold the ledger and take back the jobs of the dead until killed."""
    configure_logs("console", "ERROR")
    database, rest = open_database(url, pool_size=2).of(DEFAULT_PROJECT_ID), threading.Event()
    resources = make_resources(database, Path(directory) / "storage", broker_url=DEAD_BROKER, budget=0.1)
    while True:
        with contextlib.suppress(Unavailable):
            fold_ledger_once(resources)
            reap_once(resources)
        rest.wait(0.02)


def export_metrics(url: str, directory: str, port: int) -> None:
    """Be an exporter."""
    values = {
        "DATABASE_URL": url,
        "BROKER_URL": DEAD_BROKER,
        "DATA_DIR": directory,
        "EXPORTER_PORT": str(port),
        "SNAPSHOT_SECONDS": "0.2",
        "LOG_LEVEL": "ERROR",
    }
    os.environ.update({f"ML_TRAINING_{name}": value for name, value in values.items()})
    export()
