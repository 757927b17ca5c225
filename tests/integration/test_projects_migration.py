"""A filled database of the schema before projects keeps every row, in the project `default`, on both databases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from ml_training.db import claims, idempotency, results
from ml_training.db.engine import Database, open_database
from ml_training.db.invariants import broken_rows
from ml_training.db.migrate import _config, migrate
from ml_training.db.model_references import find_version
from ml_training.db.schema_version import check_schema
from ml_training.db.tables import metadata
from ml_training.db.versions import next_version
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from tests.support.jobs import store_job
from tests.support.postgres import PostgresServer

SPEC = json.dumps({"job_type": "TRAIN", "model_name": "churn"})
FILL = (
    "INSERT INTO versions (kind, name, last) VALUES ('dataset', 'churn', 2), ('model', 'churn', 9)",
    """INSERT INTO datasets (id, name, version, status, file_format, raw_key, raw_sha256, raw_bytes, index_bytes,
      reasons, created_at, deleted_at)
    VALUES (1, 'churn', 1, 'READY', 'csv', 'k', '0', 1000, 200, '[]', 1.0, NULL),
           (2, 'churn', 2, 'REJECTED', 'csv', 'k', '0', 50, 0, '[]', 1.0, 2.0)""",
    *(
        f"""INSERT INTO jobs (id, job_type, model_type, status, spec, dataset_id, priority, attempt, cancel_requested,
      max_runtime_seconds, runtime_seconds, progress, progress_message, phases_count, created_at, run_after)
    VALUES ({number}, 'TRAIN', 'ridge', 'PENDING', '{SPEC}', 1, 5, 0, false, 60.0, 0.0, 0.0, '', 0, 1.0, 1.0)"""
        for number in (1, 2, 3)
    ),
    """UPDATE jobs SET status = 'RUNNING', attempt = 1, lease_until = 9e9, worker = 'w', attempt_started_at = 5.0
    WHERE id = 2""",
    "UPDATE jobs SET status = 'CANCELLED', cancel_requested = true, finished_at = 6.0 WHERE id = 3",
    "INSERT INTO job_events (job_id, seq, attempt, kind, body, at) VALUES (3, 1, 1, 'log', '{}', 1.0)",
    *(
        f"""INSERT INTO models (id, name, version, model_type, task, job_id, attempt, dataset_id, dataset_sha256,
      artifact_key, artifact_sha256, artifact_bytes, scores, details, lineage, created_at, tags)
    VALUES ({number}, 'churn', {number}, 'ridge', 'binary', {number + 100}, 1, 1, '0', 'k', '0', 30, '{{}}', '{{}}',
      '{{}}', 1.0, '["eu"]')"""
        for number in (8, 9)
    ),
    "INSERT INTO model_aliases (name, alias, model_id, created_at) VALUES ('churn', 'champion', 8, 1.0)",
    "INSERT INTO job_models (job_id, model_id) VALUES (1, 8)",
    """INSERT INTO idempotency_keys (key, fingerprint, outcome, created_at)
    VALUES ('k', 'f', '[{"job_id": 1}]', 1.0)""",
    """INSERT INTO test_results (id, job_id, attempt, model_id, dataset_id, rows, scores, overlap, degradation, details,
      created_at) VALUES (4, 200, 1, 8, 1, 1, '{}', true, '{}', '{}', 1.0)""",
    """INSERT INTO comparisons (id, job_id, attempt, dataset_id, metric, rows, winner_model_id, ranking, significance,
      created_at) VALUES (4, 201, 1, 1, 'f1', 1, 8, '[]', '{}', 1.0)""",
    """INSERT INTO predictions (id, job_id, attempt, model_id, dataset_id, rows, file_format, object_key, sha256, bytes,
      details, lineage, created_at) VALUES (4, 202, 1, 8, 1, 1, 'csv', 'k', '0', 7, '{}', '{}', 1.0)""",
)
TABLES = (
    *("datasets", "jobs", "models", "model_aliases", "model_tags", "idempotency_keys", "test_results", "comparisons"),
    *("predictions", "versions", "job_events", "job_models"),
)
NEW = {"project_id", "created_by"}
NEW |= {"memory_bytes", "parent_id", "open_children", "origin", "origin_sha256", "origin_version", "drift"}
NEW |= {"reuse_key", "reused_from", "estimated_seconds", "estimated_wait"}  # all of these came later
ADDED_LATER = {
    "api_keys",
    "audit",
    "drift_reports",
    "explanations",
    "studies",
    "trials",
    "uploads",
}  # tables without rows
SEQUENCES = "SELECT setval(pg_get_serial_sequence(:table, 'id'), 50)"


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of revision 0007 with a row of each kind."""
    url = f"sqlite:///{tmp_path / 'filled.db'}"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.execute("DROP DATABASE IF EXISTS filled WITH (FORCE)")
        postgres.execute("CREATE DATABASE filled")
        url = postgres.url("filled")
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
    with database.write() as connection:
        for statement in FILL:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        for table in ("datasets", "jobs", "models"):  # ids were used beyond those that there are
            if request.param == "postgresql":
                connection.execute(text(SEQUENCES), {"table": table})
            else:
                connection.execute(text("UPDATE sqlite_sequence SET seq = 50 WHERE name = :table"), {"table": table})
    yield database
    database.dispose()


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, without the columns that are new."""
    with database.read() as connection:
        return {
            name: sorted(
                (
                    tuple(str(value) for key, value in row.items() if key not in NEW)
                    for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()
                ),
            )
            for name in TABLES
        }


def test_every_row_of_today_belongs_to_the_project_default(filled: Database) -> None:
    before = rows(filled)
    migrate(filled)
    check_schema(filled)
    assert rows(filled) == before
    with filled.read() as connection:
        for table in metadata.tables.values():
            if "project_id" in table.c and table.name not in ADDED_LATER:
                found = connection.execute(text(f"SELECT DISTINCT project_id FROM {table.name}")).scalars()
                assert list(found) == [DEFAULT_PROJECT_ID], table.name
        assert [rule for rule, _ in broken_rows(connection) if not rule.startswith("3")] == []
        counted = connection.execute(text("SELECT pending, running, stored_bytes, claimed_at FROM project_counters"))
        assert tuple(counted.one()) == (1, 1, 1200 + 2 * 30 + 7, 5.0)


def test_what_was_stored_before_works_as_before(filled: Database) -> None:
    migrate(filled)
    with filled.write() as connection:
        assert find_version(connection, "churn", "champion") == 8
        assert find_version(connection, "churn", None) == 9
        assert [model.id for model in results.list_models(connection, {"tag": "eu"}, before_id=None, limit=9)] == [9, 8]
        kept = idempotency.find_answer(connection, "k")
        assert kept is not None
        assert kept.outcome == [{"job_id": 1}]
        assert next_version(connection, "model", "churn") == 10
        results.describe_model(connection, 8, tags=["us"])
        assert [model.id for model in results.list_models(connection, {"tag": "us"}, before_id=None, limit=9)] == [8]
        claimed = claims.claim_next(connection, worker="w", lease_seconds=60)
        assert claimed is not None
        assert claimed.id == 1
    assert store_job(filled, dataset_id=1) == 51, "no id is used twice"
    with filled.write() as connection:
        connection.execute(text("DELETE FROM jobs WHERE id = 3"))
        assert connection.execute(text("SELECT count(*) FROM job_events")).scalar_one() == 0, "events go with their job"


def test_references_hold_after_the_tables_were_copied(filled: Database) -> None:
    migrate(filled)
    for statement in ("DELETE FROM models WHERE id = 8", "DELETE FROM datasets WHERE id = 1"):
        with pytest.raises(Exception, match=r"(?i)foreign key"), filled.write() as connection:
            connection.execute(text(statement))
