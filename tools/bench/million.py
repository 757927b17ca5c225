"""`python -m tools.bench.million`: the invariants on a database of 1,000,000 finished jobs, on both kinds of database.

A real stack trains a model, the database is filled with TEST jobs that ended over the last month, each with its
result; then jobs run, processes are killed, jobs are cancelled and the older half is forgotten, and every invariant is
checked. Prints figures; exit status 1 when an invariant does not hold. Smaller: `--jobs 20000`.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import Conflict
from ml_training.domain.states import JobStatus
from ml_training.maintenance.verify import violations
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.submit import submit_job
from tests.support.database_clock import database_now
from tests.support.datasets import generated_csv, ready_sample, upload
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.postgres import postgres_server
from tests.support.redis_server import start_redis
from tools.bench.filling import fill_tests

MIXED = 40
HALF_A_MONTH = 15 * 86_400.0


def train(stack: RunningFleet, dataset_id: int, rounds: int) -> int:
    """Submit a LightGBM job."""
    spec: dict[str, Any] = {
        "job_type": "TRAIN",
        "model_name": "million",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": {"n_estimators": rounds},
    }
    return submit_job(stack.resources, spec).id


def count(database: Database, query: str) -> int:
    """One number."""
    with database.read() as connection:
        return int(connection.execute(text(query)).scalar_one())


def trouble(stack: RunningFleet, small: int, large: int) -> tuple[list[int], list[float]]:
    """Jobs of both sizes, two killed children and some cancels; the ids, and what each submission took."""
    ids, took = [], []
    for number in range(MIXED):
        started = time.perf_counter()
        ids.append(train(stack, large if number % 8 == 0 else small, 150 if number % 8 == 0 else 5))
        took.append(time.perf_counter() - started)
    for victim in ids[0], ids[8]:
        eventually(
            partial(_has_begun, stack, victim),
            within=300,
            what="a long job runs",
        )
        for child in stack.fleet.children():
            child.kill()
    for job_id in ids[9::6]:
        with contextlib.suppress(Conflict):
            request_cancel(stack.resources, job_id)
    return ids, took


def _has_begun(stack: RunningFleet, job_id: int) -> bool:
    return queries.get_job(stack.resources, job_id).progress > 0.1


def run(kind: str, url: str, directory: Path, jobs: int) -> bool:
    """One database; whether everything holds."""
    redis = start_redis(directory / "redis")
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    migrate(database)
    with running_fleet(
        directory,
        database_url=url,
        broker_url=redis.url,
        retention_seconds=str(HALF_A_MONTH),
        sweep_seconds="2",
        retention_pause_seconds="0.01",
    ) as stack:
        small, large = ready_sample(stack.resources).id, upload(stack.resources, generated_csv(100_000, 20)).id
        model = queries.wait_for_job(stack.resources, train(stack, small, 5), seconds=90)
        assert model.status is JobStatus.COMPLETED
        assert model.result_id is not None
        stack.fleet.stop("maintenance")
        fill_tests(database, finished=jobs, model_id=model.result_id, dataset_id=small)
        counted = count(database, "SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal' AND job_type = 'TEST'")
        stack.fleet.start("maintenance", "workers", "maintenance")
        ids, took = trouble(stack, small, large)
        ended = [queries.wait_for_job(stack.resources, job_id, seconds=300).status for job_id in ids]
        old = "SELECT count(*) FROM jobs WHERE finished_at < "
        with database.read() as connection:
            cut = f"{database_now(connection) - HALF_A_MONTH - 3600!r}"
        eventually(lambda: count(database, old + cut) == 0, within=900, every=1.0, what="old jobs are forgotten")
        started = time.perf_counter()
        broken = list(violations(database, stack.resources.storage, sweep_age_seconds=3600.0))
        checked = time.perf_counter() - started
        after = count(database, "SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal' AND job_type = 'TEST'")
        left = count(database, "SELECT count(*) FROM jobs")
    redis.stop()
    database.dispose()
    gone = jobs + 3 + len(ids) - left
    fates = {status.value: ended.count(status) for status in dict.fromkeys(ended)}
    sys.stdout.write(
        f"{kind}: {jobs:,} finished jobs, {gone:,} forgotten; counter {counted:,}, then {after:,}\n"
        f"  {len(ids)} jobs meanwhile: {fates}; submission p50 {1000 * statistics.median(took):.1f} ms\n"
        f"  {len(broken)} violations of the invariants, checked in {checked:.1f} s\n"
    )
    sys.stdout.writelines(f"  VIOLATED {line}\n" for line in broken)
    return not broken and counted == after and all(status.is_terminal for status in ended)


def main() -> int:
    """Both databases."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.million", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    good = True
    for kind in options.databases:
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{directory / 'million.db'}"
            if kind == "postgresql":
                url = stack.enter_context(postgres_server()).url()
            good &= run(kind, url, directory, options.jobs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
