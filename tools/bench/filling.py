"""Fills a migrated database with finished jobs as a service of some months has them, and with live ones."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, insert, text

from ml_training.db import ledger
from ml_training.db.engine import Database
from ml_training.db.tables import heartbeats
from ml_training.domain.histogram_buckets import DURATION_BUCKETS, WAIT_BUCKETS
from tests.support.database_clock import database_now
from tests.support.jobs import store_dataset
from tests.support.scenario import SERVED

DAYS = 30
CHUNK = 100_000  # rows of one statement: PostgreSQL ends one that takes long
COUNTED_CHUNK = (
    5_000  # rows whose trigger changes the same counter: each change in one transaction costs more than the last
)
HOUR = 3600.0
WORKERS = 16

_TYPE = """CASE WHEN i % 20 < 13 THEN 'TRAIN' WHEN i % 20 < 16 THEN 'TEST' WHEN i % 20 < 18 THEN 'COMPARE'
    ELSE 'INGEST' END"""
_MODEL = """CASE WHEN i % 20 >= 18 THEN 'none' WHEN i % 20 >= 16 THEN 'mixed' WHEN i % 3 = 0 THEN 'lightgbm'
    ELSE 'random_forest' END"""
_STATUS = "CASE WHEN i % 50 < 47 THEN 'COMPLETED' WHEN i % 50 < 49 THEN 'FAILED' ELSE 'CANCELLED' END"
_SPEC = """'{"job_type": "TRAIN", "model_name": "bench", "features": "auto", "fill": "FILL"}'""".replace(
    "FILL", "x" * 250
)
_PART = '{"accuracy": 0.97, "f1": 0.96, "roc_auc": 0.99, "log_loss": 0.1}'
_SCORES = f"""'{{"train": {_PART}, "held_out": {_PART}}}'"""
_DETAILS = """'{"curves": "FILL"}'""".replace("FILL", "x" * 3000)
_COLUMNS = """job_type, model_type, status, spec, dataset_id, priority, attempt, cancel_requested, max_runtime_seconds,
    runtime_seconds, lease_until, worker, progress, progress_message, eta_seconds, features_count, phases_count,
    rows_used, created_at, run_after, started_at, finished_at, result_id"""


def fill(database: Database, *, finished: int) -> None:
    """Store so many terminal jobs of the last 30 days, a tenth as many models, the folded ledger, and heartbeats."""
    dataset_id = store_dataset(database)
    with database.read() as connection:
        now = database_now(connection)
    for first in range(1, finished + 1, CHUNK):
        with database.write() as connection, _without_triggers(connection):
            last = min(finished, first + CHUNK - 1)
            _insert_jobs(connection, first, last, finished=finished, now=now, dataset_id=dataset_id)
    for first in range(1, finished // 10 + 1, COUNTED_CHUNK):
        with database.write() as connection:
            last = min(finished // 10, first + COUNTED_CHUNK - 1)
            _insert_models(connection, first, last, now=now, dataset_id=dataset_id)
    with database.write() as connection:
        _insert_totals(connection)
        _insert_heartbeats(connection, now)
    with database.write() as connection:
        connection.execute(text("ANALYZE"))


def fill_tests(database: Database, *, finished: int, model_id: int, dataset_id: int) -> None:
    """Store so many TEST jobs that ended over the last 30 days, COMPLETED ones with results; and their ledger."""
    with database.write() as connection, _without_triggers(connection):
        now = database_now(connection)
        ended = f"({now!r} - {DAYS * 86_400.0!r} * ({finished} - i) / {finished})"
        base = int(connection.execute(text("SELECT max(id) FROM jobs")).scalar_one())
        connection.execute(
            text(f"""INSERT INTO jobs ({_COLUMNS})
            SELECT 'TEST', 'lightgbm', {_STATUS}, {_SPEC}, {dataset_id}, 5, 1, false, 86400.0, 1.0, NULL,
              'worker@host-1', 1.0, 'done', NULL, 30, 0, 100, {ended} - 2, {ended} - 2, {ended} - 1, {ended},
              CASE WHEN i % 50 < 47 THEN i END
            FROM {_numbers(connection, 1, finished)}""")
        )
        connection.execute(
            text(f"""INSERT INTO test_results (id, job_id, attempt, model_id, dataset_id, rows, scores, overlap,
              degradation, overfitted, accuracy, details, created_at)
            SELECT result_id, id, 1, {model_id}, {dataset_id}, 100, '{{}}', true, '{{}}', false, 0.9, '{{}}',
              finished_at
            FROM jobs WHERE id > {base} AND status = 'COMPLETED'""")
        )
    with database.write() as connection:
        connection.execute(
            text(f"""INSERT INTO ledger_totals (kind, job_type, label, model_type, bucket, n, seconds, rows)
            SELECT 'terminal', 'TEST', status, model_type, 2, count(*), count(*) * 1.0, count(*) * 100 FROM jobs
            WHERE id > {base} AND finished_at IS NOT NULL GROUP BY status, model_type""")
        )
        connection.execute(text("ANALYZE"))


def fill_study(database: Database, *, study_job_id: int, trials: int) -> None:
    """Add so many COMPLETED trials to a study; each has the job that a trial has."""
    with database.write() as connection, _without_triggers(connection):
        now = database_now(connection)
        base = int(connection.execute(text("SELECT max(id) FROM jobs")).scalar_one())
        number, last = connection.execute(text("SELECT max(number), max(id) FROM trials")).one()
        numbers = _numbers(connection, 1, trials)
        connection.execute(
            text(f"""INSERT INTO jobs (id, parent_id, {_COLUMNS})
            SELECT {base} + i, {study_job_id}, 'TRIAL', 'lightgbm', 'COMPLETED', {_SPEC}, 1, 5, 1, false, 86400.0, 1.0,
              NULL, 'worker@host-1', 1.0, 'done', NULL, 30, 0, 455, {now!r}, {now!r}, {now!r}, {now!r}, {last} + i
            FROM {numbers}""")
        )
        connection.execute(
            text(f"""INSERT INTO trials (id, study_job_id, number, job_id, parameters, attempt, score, scores, status,
              seconds)
            SELECT {last} + i, {study_job_id}, {number} + i, {base} + i,
              '{{"/params/learning_rate": 0.' || (1000 + i * 617 % 9000) || ', "/params/num_leaves": ' || (7 + i % 56)
              || '}}', 1, 0.9 + (i * 7919 % 10007) / 120000.0, '{{"roc_auc": 0.9}}', 'COMPLETED', 0.1 + i % 10
            FROM {numbers}""")
        )
        connection.execute(text(f"UPDATE studies SET trials = {number + trials} WHERE job_id = {study_job_id}"))
    with database.write() as connection:
        connection.execute(text("ANALYZE"))


def add_live(database: Database, *, running: int, pending: int) -> list[int]:
    """Store jobs that run or wait, with their ledger rows folded; the ids of the RUNNING ones."""
    with database.write() as connection:
        now = database_now(connection)
        connection.execute(
            text(f"""INSERT INTO jobs ({_COLUMNS})
            SELECT 'TRAIN', 'lightgbm', 'PENDING', {_SPEC}, 1, 5, 0, false, 86400.0, 0.0, NULL, NULL, 0.0, '', NULL,
              NULL, 2, NULL, {now - 12_000!r}, {now - 12_000!r}, NULL, NULL, NULL
            FROM {_numbers(connection, 1, running + pending)}""")
        )
        started = text(f"""UPDATE jobs SET status = 'RUNNING', attempt = 1, lease_until = {now + HOUR!r},
              worker = 'worker@host-' || (id % {WORKERS}), attempt_started_at = {now!r},
              started_at = {now!r} - (id * 7907 % 100003) / 9.0,
              progress = (id * 617 % 1000) / 1000.0, eta_seconds = (id * 7919 % 100003) / 7.0,
              features_count = 1 + id % 300
            WHERE id IN (SELECT id FROM jobs WHERE status = 'PENDING' ORDER BY id LIMIT {running}) RETURNING id""")
        ids = [int(row[0]) for row in connection.execute(started)]
    fold(database)
    return ids


def fold(database: Database) -> None:
    """Fold the whole ledger."""
    folded = 1
    while folded:
        with database.write() as connection:
            folded = ledger.fold(connection, limit=10_000)


def terminal_rows(database: Database) -> dict[tuple[str, str], int]:
    """How many jobs of each type are in each terminal status, by counting them."""
    query = "SELECT job_type, status, count(*) FROM jobs WHERE finished_at IS NOT NULL GROUP BY job_type, status"
    with database.read() as connection:
        return {(row[0], row[1]): int(row[2]) for row in connection.execute(text(query))}


def _insert_jobs(connection: Connection, first: int, last: int, *, finished: int, now: float, dataset_id: int) -> None:
    ended = f"({now!r} - {DAYS * 86_400.0!r} * ({finished} - i) / {finished})"
    took, waited = "(i % 1009) * 0.37", "(i % 97) * 0.5"
    never = "i % 50 = 49"  # cancelled before it started
    connection.execute(
        text(f"""INSERT INTO jobs ({_COLUMNS})
        SELECT {_TYPE}, {_MODEL}, {_STATUS}, {_SPEC}, {dataset_id}, 5, CASE WHEN {never} THEN 0 ELSE 1 END, false,
          86400.0, {took}, NULL, 'worker@host-1', 1.0, 'done', NULL, CASE WHEN {never} THEN NULL ELSE 30 END, 0,
          CASE WHEN i % 50 < 47 THEN i % 5000 END, {ended} - {took} - {waited}, {ended} - {took} - {waited},
          CASE WHEN {never} THEN NULL ELSE {ended} - {took} END, {ended}, CASE WHEN i % 50 < 47 THEN i END
        FROM {_numbers(connection, first, last)}""")
    )


def _insert_models(connection: Connection, first: int, last: int, *, now: float, dataset_id: int) -> None:
    connection.execute(
        text(f"""INSERT INTO models (name, version, model_type, task, job_id, attempt, dataset_id, dataset_sha256,
          artifact_key, artifact_sha256, artifact_bytes, scores, details, lineage, train_accuracy, test_accuracy,
          created_at)
        SELECT 'bench', i, 'lightgbm', 'binary', i, 1, {dataset_id}, 'x', 'artifacts/' || i, 'x', 100000 + i,
          {_SCORES}, {_DETAILS}, '{{}}', 0.97, 0.93, {now!r}
        FROM {_numbers(connection, first, last)}""")
    )


def _insert_totals(connection: Connection) -> None:
    took, waited = "finished_at - started_at", "started_at - created_at"
    duration = f"CASE WHEN started_at IS NULL THEN -1 ELSE {_bucket(took, DURATION_BUCKETS)} END"
    columns = "kind, job_type, label, model_type, bucket, n, seconds, rows"
    connection.execute(
        text(f"""INSERT INTO ledger_totals ({columns})
        SELECT 'terminal', job_type, status, model_type, {duration}, count(*), sum(coalesce({took}, 0.0)),
          sum(coalesce(rows_used, 0)) FROM jobs WHERE finished_at IS NOT NULL GROUP BY 2, 3, 4, 5""")
    )
    connection.execute(
        text(f"""INSERT INTO ledger_totals ({columns})
        SELECT 'wait', job_type, '', model_type, {_bucket(waited, WAIT_BUCKETS)}, count(*), sum({waited}), 0
        FROM jobs WHERE started_at IS NOT NULL GROUP BY 2, 4, 5""")
    )


def _insert_heartbeats(connection: Connection, now: float) -> None:
    seen = {"started_at": now, "seen_at": now + HOUR, "draining": False}  # from the future, so that they live on
    workers = [
        {**seen, "process": f"worker@host-{n}", "kind": "worker", "body": {"slots": 100, "rss_bytes": 3e8}}
        for n in range(WORKERS)
    ]
    served = {**SERVED, "master_started_at": now, "rss_bytes": 1e8}
    apis = [{**seen, "process": f"api@host-{n}", "kind": "api", "body": served} for n in range(2)]
    free = {"rss_bytes": 1e8, "storage_free_bytes": 10**12}
    maintenance = {**seen, "process": "maintenance@host-1", "kind": "maintenance", "body": free}
    connection.execute(insert(heartbeats), [*workers, *apis, maintenance])


def _bucket(value: str, bounds: Sequence[float]) -> str:
    cases = " ".join(f"WHEN {value} <= {bound} THEN {number}" for number, bound in enumerate(bounds))
    return f"(CASE {cases} ELSE {len(bounds)} END)"


def _numbers(connection: Connection, first: int, last: int) -> str:
    if connection.dialect.name == "postgresql":
        return f"generate_series({first}, {last}) AS numbers(i)"
    counting = f"SELECT {first} AS i UNION ALL SELECT i + 1 FROM numbers WHERE i < {last}"
    return f"(WITH RECURSIVE numbers AS ({counting}) SELECT i FROM numbers)"


@contextmanager
def _without_triggers(connection: Connection) -> Iterator[None]:
    # Jobs are born PENDING, says a trigger; these come in as they ended, and their ledger is written in one go.
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE jobs DISABLE TRIGGER USER"))
        yield
        connection.execute(text("ALTER TABLE jobs ENABLE TRIGGER USER"))
        return
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'jobs'"))
    triggers = [tuple(row) for row in found]
    for name, _ in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)
