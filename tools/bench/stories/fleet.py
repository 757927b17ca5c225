"""A fleet of 1,000 simulated slots on one PostgreSQL: real claims, leases, progress and verdicts, no training."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

import psutil
import psycopg2

from tests.support.eventually import eventually
from tests.support.postgres import PostgresServer, postgres_server
from tools.bench.figures import Row, at_least, at_most
from tools.bench.machine import cpu_seconds
from tools.bench.probing import finish_probe, run_probe, start_probe
from tools.bench.service import running_service, sample_dataset
from tools.bench.stories.base import Run, Story

WORKERS = 8
JOBS_A_SECOND = 50


def measure(run: Run) -> Sequence[Row]:
    """Start all slots, let them reach a steady state, measure a window, let every running job end, count."""
    slots, mean, window = run.size((1_000, 20.0, 60.0), (200, 8.0, 15.0))
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server(fsync=True))
        with running_service(run.checkout, run.directory / "service", database_url=server.url()) as service:
            sample_dataset(service.connect())  # and the migrated schema
        run_probe(run.checkout, "fill", server.url(), 0, int(slots * (4 + 2 * window / mean)))
        with run.timing():
            names = [f"worker@host-{number}" for number in range(WORKERS)]
            probes = [start_probe(run.checkout, "fleet", server.url(), name, slots // WORKERS, mean) for name in names]
            try:
                eventually(lambda: _count(server, "status = 'RUNNING'") >= 0.9 * slots, every=0.5, what="all slots run")
                threading.Event().wait(1.5 * mean)  # the first jobs began together; now they end at different times
                rows = _window(server, [probe.pid for probe in probes], window)
            finally:
                answers = [finish_probe(probe, "fleet", line="stop\n") for probe in probes]
        completed = _count(server, "status = 'COMPLETED' AND job_type = 'TRAIN'")
        others = _count(server, "status <> 'COMPLETED' AND (attempt > 0 OR status <> 'PENDING')")
        repeated = _count(server, "attempt > 1")
    ran = sum(answer["ran"] for answer in answers)
    run.say(f"{ran} jobs, {sum(answer['unavailable'] for answer in answers)} refused by a busy database")
    lost = others + repeated + abs(ran - completed)
    return [
        Row("jobs/s that these slots can do at most", slots / mean, "jobs/s"),
        *rows,
        Row("jobs lost, repeated or not COMPLETED", lost, "jobs", at_most(0), f"of {ran:,}"),
    ]


def _window(server: PostgresServer, workers: Sequence[int], seconds: float) -> list[Row]:
    """Jobs that ended in the window, and what the database and the simulated workers cost then."""
    simulators = [psutil.Process(pid) for pid in workers]
    database = _database_processes(server)
    before = (_ended(server), cpu_seconds(database), cpu_seconds(simulators), time.monotonic())
    late = 0
    while (left := before[3] + seconds - time.monotonic()) > 0:
        late = max(late, _count(server, "status = 'RUNNING' AND lease_until < extract(epoch FROM clock_timestamp())"))
        threading.Event().wait(min(1.0, left))
    passed = time.monotonic() - before[3]
    rate = (_ended(server) - before[0]) / passed
    return [
        Row("jobs ended a second", rate, "jobs/s", at_least(JOBS_A_SECOND), f"over {passed:.0f} s"),
        Row("CPU of the database", (cpu_seconds(database) - before[1]) / passed, "cores", at_most(1)),
        Row("CPU of the simulated workers", (cpu_seconds(simulators) - before[2]) / passed, "cores"),
        Row("leases that ran out", late, "jobs", at_most(0)),
    ]


def _database_processes(server: PostgresServer) -> list[psutil.Process]:
    root = psutil.Process(server.pid)
    return [root, *root.children(recursive=True)]


def _ended(server: PostgresServer) -> int:
    return _count(server, "finished_at IS NOT NULL")


def _count(server: PostgresServer, condition: str) -> int:
    connection = psycopg2.connect(server.url())
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM jobs WHERE {condition}")
            (found,) = cursor.fetchone() or (0,)
            return int(found)
    finally:
        connection.close()


STORY = Story(
    "fleet",
    "A fleet of 1,000 slots",
    "1,000 slots in 8 processes, jobs of 10 to 30 s that report progress once a second, one PostgreSQL with fsync on "
    "the same machine. Claims, leases, progress, results and verdicts are the service's own functions; a slot waits "
    "instead of training, and does not wait for a permit.",
    measure,
)
