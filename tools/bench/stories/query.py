"""1,000,000 rows from a query on PostgreSQL and on MariaDB, beside the upload of the same rows as CSV."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from tests.support.eventually import eventually
from tests.support.mariadb import INSTALLED, PASSWORD, MariaDbServer, mariadb_server
from tests.support.postgres import postgres_server
from tools.bench.figures import MeasurementError, Row, at_most, median, ratio, spread
from tools.bench.generated import FEATURES, write_csv
from tools.bench.http_client import Connection
from tools.bench.machine import peak_memory_mb
from tools.bench.service import WAIT_SECONDS, Service, running_service, upload_dataset
from tools.bench.stories.base import Run, Story

ROWS, QUICK_ROWS = 1_000_000, 100_000
LOOK_SECONDS = 0.2
COLUMNS = ", ".join([*(f"x{at} double precision" for at in range(FEATURES)), "target smallint"])
QUERY = "SELECT * FROM wanted"
# It runs for hours, and sorts nothing before its end.
ENDLESS = "SELECT count(*) AS n FROM wanted AS a, wanted AS b, wanted AS c WHERE a.x0 + b.x1 + c.x2 > 1000"
RUNNING = {
    "PostgreSQL": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%a.x0 + b.x1%'"
    " AND pid <> pg_backend_pid()",
    "MariaDB": "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%a.x0 + b.x1%'"
    " AND id <> connection_id()",
}


def measure(run: Run) -> Sequence[Row]:
    """Each round takes the rows from the file and from the query in turn; the query's rows are all stored anew."""
    rows = run.size(ROWS, QUICK_ROWS)
    csv, quarter = (
        write_csv(run.directory / f"{name}.csv", rows=size, seed=1)
        for name, size in (("wanted", rows), ("quarter", rows // 4))
    )
    found = list(_of_database(run, "PostgreSQL", csv, quarter))
    if INSTALLED is None:
        run.say("MariaDB is not installed: apt-get install mariadb-server")
        return found
    return [*found, *_of_database(run, "MariaDB", csv, quarter)]


def _of_database(run: Run, name: str, csv: Path, quarter: Path) -> Iterator[Row]:
    server = {"PostgreSQL": _postgresql, "MariaDB": _mariadb}[name]
    uploads, queries = list[float](), list[float]()
    with (
        server(csv, quarter) as (url, ask),
        running_service(run.checkout, run.directory / name, connections__warehouse=url) as service,
    ):
        _from_query(service, "SELECT 1 AS a")  # so that the processes have what they need
        for _ in range(run.size(3, 1)):
            with run.timing():
                uploads.append(_seconds(lambda: upload_dataset(service, csv)))
                queries.append(_seconds(lambda: _from_query(service, QUERY)))
            run.say(f"{name}: upload {uploads[-1]:.1f} s, query {queries[-1]:.1f} s")
        with run.timing():
            small = _peak_mb(service, lambda: _from_query(service, "SELECT * FROM quarter"))
            whole = _peak_mb(service, lambda: _from_query(service, QUERY))
            cancelled, ended = _cancel(service, lambda: ask(RUNNING[name]))
    yield Row(f"query / CSV upload, {name}", ratio(queries, uploads), target=at_most(1.5))
    yield Row(f"query until READY, {name}", median(queries), "s", spread=spread(queries))
    yield Row(f"CSV upload until READY, beside {name}", median(uploads), "s", spread=spread(uploads))
    yield Row(f"peak memory of a worker's process, {name}", whole, "MB")
    yield Row(f"peak memory / that of a quarter of the rows, {name}", whole / small, target=at_most(1.5))
    yield Row(f"cancel until CANCELLED, {name}", cancelled, "s", at_most(2))
    yield Row(f"cancel until the server has ended the query, {name}", ended, "s", at_most(2))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _from_query(service: Service, query: str) -> dict[str, Any]:
    """A data set, READY."""
    http = service.connect()
    dataset = http.post("/datasets", {"name": "queried", "connection": "warehouse", "query": query})
    while dataset["status"] == "PROCESSING":
        dataset = http.get(f"/datasets/{dataset['id']}?wait={WAIT_SECONDS}")
    if dataset["status"] != "READY":
        raise MeasurementError(f"the data set of the query is {dataset['status']}: {dataset['reasons']}")
    found: dict[str, Any] = dataset
    return found


def _peak_mb(service: Service, work: Callable[[], object]) -> float:
    """The largest peak of a process of the worker while `work` runs; also of one that ends before it."""
    done, peaks = threading.Event(), list[float]()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            peaks.append(peak_memory_mb(service.part("worker")))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(peaks, default=0.0)


def _cancel(service: Service, running: Callable[[], int]) -> tuple[float, float]:
    """Seconds from the request until the job is CANCELLED, and until its query has ended at the server."""
    http: Connection = service.connect()
    dataset = http.post("/datasets", {"name": "endless", "connection": "warehouse", "query": ENDLESS})
    eventually(running, every=0.02, what="the query runs at its server")
    started = time.perf_counter()
    http.post(f"/jobs/{dataset['job_id']}/cancel", {})
    job = http.get(f"/jobs/{dataset['job_id']}?wait={WAIT_SECONDS}")
    cancelled = time.perf_counter() - started
    if job["status"] != "CANCELLED":
        raise MeasurementError(f"the cancelled job is {job['status']}")
    eventually(lambda: not running(), every=0.02, what="the query has ended at its server")
    return cancelled, time.perf_counter() - started


@contextmanager
def _postgresql(csv: Path, quarter: Path) -> Iterator[tuple[str, Callable[[str], int]]]:
    """A server with both tables: its URL, and what asks it for a number."""
    with postgres_server(fsync=True) as server, psycopg.connect(server.url(), autocommit=True) as connection:
        for table, path in (("wanted", csv), ("quarter", quarter)):
            connection.execute(f"CREATE TABLE {table} ({COLUMNS})")
            copy = f"COPY {table} FROM STDIN WITH (FORMAT csv, HEADER)"
            with path.open("rb") as file, connection.cursor().copy(copy) as target:
                while chunk := file.read(1 << 20):
                    target.write(chunk)
        connection.execute("ANALYZE")

        def ask(query: str) -> int:
            found = connection.execute(query).fetchone()
            return int(found[0]) if found else 0

        yield server.url(), ask


@contextmanager
def _mariadb(csv: Path, quarter: Path) -> Iterator[tuple[str, Callable[[str], int]]]:
    """As `_postgresql`."""
    with mariadb_server() as server:
        connection = _connect(server)
        with connection.cursor() as cursor:
            for table, path in (("wanted", csv), ("quarter", quarter)):
                cursor.execute(f"CREATE TABLE {table} ({COLUMNS})")
                cursor.execute(
                    f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"
                    " IGNORE 1 LINES",
                    (str(path),),
                )

        def ask(query: str) -> int:
            with connection.cursor() as cursor:
                cursor.execute(query)
                found = cursor.fetchone()
            return int(found[0]) if found else 0

        try:
            yield server.url(), ask
        finally:
            connection.close()


def _connect(server: MariaDbServer) -> "pymysql.connections.Connection[Any]":
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user="root",
        password=PASSWORD,
        database="test",
        autocommit=True,
        local_infile=True,
    )


STORY = Story(
    "query",
    "1,000,000 rows by a query",
    "The same table of 30 numbers and a target in a file (CSV, six decimals) and in a database on this machine with "
    "default settings; from the request until the data set is READY. The rows of a query are sorted by all columns. "
    "Floor: the upload of the file. The cancelled query would run for hours.",
    measure,
)
