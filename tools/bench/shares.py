"""`python -m tools.bench.shares`: what a claim costs with one project and with a hundred, on both databases.

Each database holds 100,000 waiting jobs, of one project or spread over all. Claims take turns between the two, so that
a busy machine slows both; a claim is the transaction of a worker, with its COMMIT. Prints the medians and their ratio;
exit status 1 above the promised one. Smaller: `--jobs 20000 --claims 200`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from ml_training.db import claims
from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from tests.support.jobs import store_dataset
from tests.support.postgres import postgres_server

PROJECTS = 100
PROMISED = 1.3
NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
ADD_PROJECTS = f"INSERT INTO projects (name, created_at) {NUMBERS} SELECT 'p' || n, 0.0 FROM numbers"
ADD_JOBS = f"""
    INSERT INTO jobs (project_id, job_type, model_type, status, spec, dataset_id, priority, attempt, cancel_requested,
      max_runtime_seconds, runtime_seconds, progress, progress_message, phases_count, created_at, run_after)
    {NUMBERS} SELECT 1 + n % :projects, 'TRAIN', 'ridge', 'PENDING', '{{}}', 1, 1 + (n / :projects) % 3, 0, false, 60.0,
      0.0, 0.0, '', 0, 1.0, 1.0 FROM numbers"""


def fill(database: Database, *, projects: int, jobs: int) -> None:
    """Waiting jobs of so many projects."""
    migrate(database)
    store_dataset(database)
    with database.write() as connection:
        if projects > 1:
            connection.execute(text(ADD_PROJECTS), {"last": projects - 1})
        connection.execute(text(ADD_JOBS), {"last": jobs, "projects": projects})
    with database.write() as connection:
        connection.execute(text("ANALYZE"))


def claim(database: Database) -> float:
    """Milliseconds of one claim."""
    started = time.perf_counter()
    with database.write() as connection:
        found = claims.claim_next(connection, worker="worker@host-1", lease_seconds=3600.0)
    took = 1_000 * (time.perf_counter() - started)
    assert found is not None, "no job waits"
    return took


@contextmanager
def opened(kind: str, directory: Path) -> Iterator[list[Database]]:
    """A database for one project, and one for a hundred."""
    with ExitStack() as stack:
        urls = [f"sqlite:///{directory / name}.db" for name in ("one", "many")]
        if kind == "postgresql":
            server = stack.enter_context(postgres_server())
            for name in ("one", "many"):
                server.execute(f"CREATE DATABASE {name}")
            urls = [server.url("one"), server.url("many")]
        databases = [open_database(url, pool_size=1).of(DEFAULT_PROJECT_ID) for url in urls]
        for database in databases:
            stack.callback(database.dispose)
        yield databases


def compare(kind: str, *, jobs: int, claims_each: int) -> float:
    """The median of a hundred projects as a multiple of the one of one project."""
    with tempfile.TemporaryDirectory() as directory, opened(kind, Path(directory)) as (one, many):
        fill(one, projects=1, jobs=jobs)
        fill(many, projects=PROJECTS, jobs=jobs)
        took: tuple[list[float], list[float]] = ([], [])
        for number in range(claims_each):
            for which in (0, 1) if number % 2 else (1, 0):
                took[which].append(claim((one, many)[which]))
    medians = [statistics.median(each) for each in took]
    ratio = medians[1] / medians[0]
    sys.stdout.write(
        f"{kind}: a claim takes {medians[0]:.2f} ms with one project, {medians[1]:.2f} ms with {PROJECTS}: "
        f"{ratio:.2f} times\n"
    )
    return ratio


def main() -> int:
    """0 when both databases keep the promise."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.shares")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--claims", type=int, default=1_000)
    wanted = parser.parse_args()
    ratios = [compare(kind, jobs=wanted.jobs, claims_each=wanted.claims) for kind in ("sqlite", "postgresql")]
    return 0 if max(ratios) <= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
