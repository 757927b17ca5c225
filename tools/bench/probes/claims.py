"""`claims.py URL HOW CLAIMERS SECONDS`: claims waiting jobs in CLAIMERS processes; prints claims/s and milliseconds.

HOW: `service` is the service's own claim; `bare` is psycopg2 with the least that a queue on PostgreSQL needs, one
statement in a transaction of its own; `bare-three` is psycopg2 with three statements in one transaction: look, read the
clock, take.
"""

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LEASE_SECONDS = 3600.0
COLUMNS = "id, job_type, model_type, status, spec, dataset_id, priority, attempt, max_runtime_seconds, created_at"
DUE = "status = 'PENDING' AND run_after <= extract(epoch FROM clock_timestamp()) AND NOT cancel_requested"
LOOK = f"SELECT id FROM jobs WHERE {DUE} ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED"
TAKE = f"""UPDATE jobs SET status = 'RUNNING', attempt = attempt + 1, worker = 'worker@host-1', lease_until = %s + 3600,
    attempt_started_at = %s, started_at = coalesce(started_at, %s) WHERE id = %s RETURNING {COLUMNS}"""
NOW = "extract(epoch FROM clock_timestamp())"
TAKE_AT_ONCE = f"""UPDATE jobs SET status = 'RUNNING', attempt = attempt + 1, worker = 'worker@host-1',
    lease_until = {NOW} + 3600, attempt_started_at = {NOW}, started_at = coalesce(started_at, {NOW})
    WHERE id = ({LOOK}) RETURNING {COLUMNS}"""


@contextmanager
def service_claim(url: str) -> Iterator[Callable[[], Any]]:
    """The service's own claim, in the transaction that a worker uses."""
    from ml_training.db import claims
    from ml_training.db.engine import open_database

    database = open_database(url, pool_size=1)

    def claim() -> Any:
        with database.write() as connection:
            return claims.claim_next(connection, worker="worker@host-1", lease_seconds=LEASE_SECONDS)

    yield claim
    database.dispose()


@contextmanager
def bare_claim(url: str, *, statements: int) -> Iterator[Callable[[], Any]]:
    """psycopg2 alone."""
    import psycopg2

    connection = psycopg2.connect(url)
    connection.autocommit = statements == 1
    cursor = connection.cursor()

    def claim() -> Any:
        if statements == 1:
            cursor.execute(TAKE_AT_ONCE)
            return cursor.fetchone()
        cursor.execute(LOOK)
        found = cursor.fetchone()
        if found is None:
            connection.rollback()
            return None
        cursor.execute(f"SELECT {NOW}")
        (now,) = cursor.fetchone() or (None,)
        cursor.execute(TAKE, (now, now, now, found[0]))
        row = cursor.fetchone()
        connection.commit()
        return row

    yield claim
    connection.close()


def claim_until(how: str, url: str, seconds: float, ready: Any, results: Any) -> None:
    """One claimer: waits until all are connected, claims for `seconds`, hands back milliseconds."""
    opened = service_claim(url) if how == "service" else bare_claim(url, statements=3 if how == "bare-three" else 1)
    took = []
    with opened as claim:
        assert claim() is not None, "no job waits"
        ready.wait()
        deadline = time.perf_counter() + seconds
        while (started := time.perf_counter()) < deadline:
            assert claim() is not None, "no job waits any more"
            took.append(1000 * (time.perf_counter() - started))
    results.put(took)


def main() -> None:
    """Claim, print."""
    url, how, claimers, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(claimers), context.Queue()
    processes = [
        context.Process(target=claim_until, args=(how, url, seconds, ready, results), daemon=True)
        for _ in range(claimers)
    ]
    for process in processes:
        process.start()
    took = [value for _ in processes for value in results.get(timeout=seconds + 120)]
    for process in processes:
        process.join()
    sys.stdout.write(json.dumps({"rate": len(took) / seconds, "p50": statistics.median(took), "ms": took}))


if __name__ == "__main__":
    main()
