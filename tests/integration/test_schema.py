"""The migrated schema is the one that the code speaks to, and its triggers place values as the rules say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from ml_training.db import claims, jobs, results
from ml_training.db.engine import Database, open_database
from ml_training.db.job_models import uses_model
from ml_training.db.migrate import _config, migrate, oldest_code
from ml_training.db.schema_version import SchemaError, SchemaVersion, check_schema, head_revision, schema_version
from ml_training.db.table_copies import METADATA  # of every table, whatever else is imported
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.histogram_buckets import DURATION_BUCKETS, WAIT_BUCKETS, bucket_of
from ml_training.domain.states import TRANSITIONS, JobStatus
from tests.support.jobs import read_job, store_dataset, store_job
from tests.support.postgres import PostgresServer

SEARCH = [index for table in METADATA.tables.values() for index in table.indexes if str(index.name).endswith("_search")]


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_tables_and_migrations_agree(database: Database) -> None:
    def can_be_compared(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "index" or name not in {index.name for index in SEARCH}

    options = {"include_object": can_be_compared}
    with database.write() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


@pytest.mark.parametrize("index", SEARCH, ids=lambda index: str(index.name))
def test_indexes_on_keys_of_names_and_migrations_agree(database: Database, index: Index) -> None:
    """Alembic cannot compare them: the database is asked what it makes of both."""
    name = str(index.name)
    again = str(
        CreateIndex(index).compile(dialect=postgresql.dialect() if is_postgresql(database) else sqlite.dialect())
    )
    with database.write() as connection:
        connection.exec_driver_sql(again.replace(name, "again", 1))
        found = [definition(connection, one).replace(one, "", 1) for one in (name, "again")]
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    assert found[0] == found[1]


def is_postgresql(database: Database) -> bool:
    return database.dialect == "postgresql"


def definition(connection: Connection, index: str) -> str:
    """An index as its database tells it, without spaces and names of tables."""
    table, column = ("pg_indexes", "indexdef") if connection.dialect.name == "postgresql" else ("sqlite_master", "sql")
    name = "indexname" if table == "pg_indexes" else "name"
    row = connection.execute(text(f"SELECT {column} FROM {table} WHERE {name} = :index"), {"index": index})
    return "".join(str(row.scalar_one()).split())


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = head(database)
    migrate(database)
    assert head(database) == before
    check_schema(database)


def head(database: Database) -> str:
    """The revision of the database."""
    with database.read() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_a_process_refuses_a_database_without_the_schema(tmp_path: object) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(SchemaError, match="ml-training migrate"):
        check_schema(database)
    database.dispose()


def test_code_runs_on_a_newer_schema_that_only_adds_and_on_no_other(database: Database) -> None:
    with database.read() as connection:
        assert schema_version(connection) == SchemaVersion(head_revision(), oldest_code(_config()))
    set_schema(database, revision="9999", oldest_code=head_revision())
    check_schema(database)
    with pytest.raises(SchemaError, match="newer schema 9999"):
        check_schema(database, exactly=True)
    with pytest.raises(SchemaError, match="newer schema 9999"):
        migrate(database)
    set_schema(database, revision="9999", oldest_code="9998")
    with pytest.raises(SchemaError, match=r"code of schema 9998 or newer .* install the new version"):
        check_schema(database)
    assert head(database) == "9999"


def set_schema(database: Database, *, revision: str, oldest_code: str) -> None:
    """As a later version would have migrated it."""
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        connection.execute(text("UPDATE schema_compatibility SET oldest_code = :c"), {"c": oldest_code})


@pytest.fixture(params=["sqlite", "postgresql"])
def first_schema(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the first revision."""
    url = f"sqlite:///{tmp_path / 'first.db'}"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.execute("DROP DATABASE IF EXISTS first WITH (FORCE)")
        postgres.execute("CREATE DATABASE first")
        url = postgres.url("first")
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    yield database
    database.dispose()


OLD_CANCEL = "UPDATE jobs SET status = 'CANCELLED', cancel_requested = true, finished_at = 1.0 WHERE id = :id"
OLD_DATASET = """
    INSERT INTO datasets (name, version, status, file_format, raw_key, raw_sha256, raw_bytes, index_bytes, reasons,
      created_at) VALUES ('data', 1, 'READY', 'csv', 'uploads/none', '0', 7, 0, '[]', 1.0) RETURNING id"""
OLD_MODEL = """
    INSERT INTO models (name, version, model_type, task, job_id, attempt, dataset_id, dataset_sha256, artifact_key,
      artifact_sha256, artifact_bytes, scores, details, lineage, created_at)
    VALUES ('m', :id, 'ridge', 'binary', :id, 1, :dataset_id, '0', 'k', '0', 1, '{}', '{}', '{}', 1.0)"""
OLD_JOB = """
    INSERT INTO jobs (job_type, model_type, status, spec, dataset_id, priority, attempt, cancel_requested,
      max_runtime_seconds, runtime_seconds, progress, progress_message, phases_count, created_at, run_after)
    VALUES (:job_type, 'ridge', 'PENDING', :spec, :dataset_id, 5, 0, false, 60.0, 0.0, 0.0, '', 0, 1.0, 1.0)
    RETURNING id"""


def test_jobs_and_models_of_the_first_schema_live_on_in_the_last(first_schema: Database) -> None:
    database = first_schema
    with database.write() as connection:
        dataset_id = int(connection.execute(text(OLD_DATASET)).scalar_one())

    def store(job_type: str, **spec: Any) -> int:
        values = {"job_type": job_type, "spec": json.dumps({"job_type": job_type, **spec}), "dataset_id": dataset_id}
        with database.write() as connection:
            return int(connection.execute(text(OLD_JOB), values).scalar_one())

    with database.write() as connection:
        for number in (1, 2, 3, 4):
            connection.execute(text(OLD_MODEL), {"id": number, "dataset_id": dataset_id})
    store("TRAIN")
    store("TEST", model_id=1)
    compare = store("COMPARE", model_ids=[2, 3])
    cancelled = store("TEST", model_id=4)
    with database.write() as connection:
        connection.execute(text(OLD_CANCEL), {"id": cancelled})
    migrate(database)
    with database.read() as connection:
        assert [uses_model(connection, model_id) for model_id in (1, 2, 3, 4)] == [True, True, True, False]
        found = results.list_models(connection, {}, before_id=None, limit=10)
    assert {(model.description, model.tags, model.aliases) for model in found} == {("", (), ())}
    assert len(found) == 4
    assert read_job(database, compare).spec["model_ids"] == [2, 3]
    check_schema(database)


IN_STATE = {  # the columns that belong to a state
    JobStatus.PENDING: "lease_until = NULL, worker = NULL",
    JobStatus.RUNNING: "lease_until = 9e9, worker = 'w'",
    JobStatus.COMPLETED: "lease_until = NULL, result_id = 1, finished_at = 2",
    JobStatus.FAILED: "lease_until = NULL, finished_at = 2",
    JobStatus.CANCELLED: "lease_until = NULL, finished_at = 2",
}


def moves(database: Database, job_id: int, new: JobStatus) -> bool:
    """Whether the database itself lets the job go to another state."""
    claims = ", attempt = attempt + 1" if new is JobStatus.RUNNING else ""
    statement = text(f"UPDATE jobs SET status = '{new.value}', {IN_STATE[new]}{claims} WHERE id = :id")
    try:
        with database.write() as connection:
            return connection.execute(statement, {"id": job_id}).rowcount == 1
    except DBAPIError:
        return False


@pytest.mark.parametrize("new", JobStatus)
@pytest.mark.parametrize("old", JobStatus)
def test_the_triggers_allow_exactly_the_transitions_of_the_table(
    database: Database, old: JobStatus, new: JobStatus
) -> None:
    job_id = store_job(database, dataset_id=store_dataset(database))
    if old is not JobStatus.PENDING:
        assert moves(database, job_id, JobStatus.RUNNING)
    if old not in (JobStatus.PENDING, JobStatus.RUNNING):
        assert moves(database, job_id, old)
    if old is not new:
        assert moves(database, job_id, new) == (new in TRANSITIONS[old])


@pytest.mark.parametrize("nudge", [-0.001, 0.0, 0.001])
def test_the_ledger_places_a_value_in_the_bucket_of_the_rules(database: Database, nudge: float) -> None:
    dataset_id = store_dataset(database)
    for waited, took in zip(WAIT_BUCKETS + WAIT_BUCKETS[:3], DURATION_BUCKETS, strict=True):
        store_job(database, dataset_id=dataset_id)
        with database.write() as connection:
            job = claims.claim_next(connection, worker="w", lease_seconds=60)
            assert job is not None
        with database.write() as connection:  # set the clock of the row: exact values, as no sleep could give
            connection.execute(
                text(
                    "UPDATE jobs SET status = 'CANCELLED', lease_until = NULL, started_at = 0,"
                    " finished_at = :took WHERE id = :id"
                ),
                {"took": took + nudge, "id": job.id},
            )
        store_job(database, dataset_id=dataset_id)
        with database.write() as connection:
            connection.execute(text("UPDATE jobs SET created_at = 0 WHERE status = 'PENDING'"))
            connection.execute(
                text(
                    "UPDATE jobs SET status = 'RUNNING', attempt = 1, lease_until = 1, started_at = :wait"
                    " WHERE status = 'PENDING'"
                ),
                {"wait": waited + nudge},
            )
    with database.read() as connection:
        rows = connection.execute(text("SELECT kind, seconds, bucket FROM ledger ORDER BY id")).all()
    durations = [(seconds, bucket) for kind, seconds, bucket in rows if kind == "terminal"]
    waits = [(seconds, bucket) for kind, seconds, bucket in rows if kind == "wait" and seconds > 0.04]
    assert [bucket for _, bucket in durations] == [bucket_of(seconds, DURATION_BUCKETS) for seconds, _ in durations]
    assert len(durations) == len(DURATION_BUCKETS)
    assert [bucket for _, bucket in waits] == [bucket_of(seconds, WAIT_BUCKETS) for seconds, _ in waits]
    assert len(waits) >= len(DURATION_BUCKETS)


def test_a_job_that_never_started_is_counted_but_not_in_the_histogram(database: Database) -> None:
    job_id = store_job(database, dataset_id=store_dataset(database))
    with database.write() as connection:
        jobs.request_cancel(connection, job_id)
    with database.read() as connection:
        row = connection.execute(text("SELECT kind, label, bucket, seconds FROM ledger")).one()
    assert tuple(row) == ("terminal", "CANCELLED", -1, 0.0)
