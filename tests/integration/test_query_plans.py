"""No statement of the product reads a large table: the plans of both databases, and the work that each one needs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from tests.support.every_statement import READ_EVERYTHING, every_call, functions_with_statements, recorded
from tests.support.postgres import PostgresServer
from tools.bench.filling import add_live, fill

LARGE = (
    "jobs",
    "models",
    "job_events",
    "idempotency_keys",
    "test_results",
    "comparisons",
    "model_aliases",
    "model_tags",
    "audit",
    "api_keys",
    "changes",
)
FEW_ROWS = 2_000  # of large tables that one statement may look at; a page shows 200 at most, a claim compares 200
FEW_STEPS = 120_000  # of SQLite's virtual machine: it needs three or more for each row that it looks at
# Parts of a statement that may look at more rows, and at how many times as many as the others.
MORE_ROWS = {
    ("SELECT jobs.id \nFROM jobs",): 4,  # for many jobs at once: the oldest 1,000 of each job type
    ("model_aliases.alias = ", "models.model_type = "): 30,  # the models with this alias, of which each name has one
}
DELAYED = 800  # jobs before all others by priority, each waiting for its time
WAITING = 1_000
EMPTY_PROJECT = 2
MORE = (
    """UPDATE jobs SET run_after = created_at + 1000000, priority = 1
    WHERE id IN (SELECT id FROM jobs WHERE status = 'PENDING' LIMIT :delayed)""",
    "INSERT INTO projects (name, created_at) VALUES ('empty', 0.0)",
    """INSERT INTO model_aliases (name, alias, model_id, created_at)
    SELECT 'n' || id, 'champion', id, 0.0 FROM models WHERE id % 2 = 0""",
    """INSERT INTO model_tags (tag, model_id) SELECT 'eu', id FROM models WHERE id % 2 = 0""",
    """INSERT INTO job_events (job_id, seq, attempt, kind, body, at)
    SELECT id, 1, 1, 'log', '{"line": "hello"}', 0.0 FROM jobs WHERE finished_at IS NOT NULL""",
    """INSERT INTO idempotency_keys (key, fingerprint, outcome, created_at)
    SELECT 'key ' || id, 'f', '[{"job_id": 1}]', finished_at FROM jobs WHERE finished_at IS NOT NULL""",
    """INSERT INTO audit (at, action, subject_ids, outcome, role, address, request_id)
    SELECT finished_at, 'job.submit', '[1]', 'done', 'admin', '', '' FROM jobs WHERE finished_at IS NOT NULL""",
    """INSERT INTO api_keys (key_id, secret_sha256, role, name, created_at, revoked_at)
    SELECT 'k' || id, '0', 'viewer', 'n', 0.0, 1.0 FROM jobs WHERE finished_at IS NOT NULL""",
    """INSERT INTO test_results (job_id, attempt, model_id, dataset_id, rows, scores, overlap, degradation, details,
      created_at) SELECT id, 1, 1, 1, 1, '{}', true, '{}', '{}', 0.0 FROM models""",
    """INSERT INTO comparisons (job_id, attempt, dataset_id, metric, rows, ranking, significance, created_at)
    SELECT id, 1, 1, 'f1', 1, '[]', '{}', 0.0 FROM models""",
)


def fill_large(database: Database, finished: int) -> int:
    """Finished jobs, a tenth as many models, and live jobs; the id of a running one."""
    fill(database, finished=finished)
    [running, *_] = add_live(database, running=20, pending=WAITING + DELAYED)
    with database.write() as connection:
        for statement in MORE:
            connection.execute(text(statement), {"delayed": DELAYED})
        connection.execute(text("ANALYZE"))
    return running


@pytest.fixture(
    params=[
        ("sqlite", 50_000),
        ("postgresql", 50_000),
        pytest.param(("sqlite", 1_000_000), marks=pytest.mark.exhaustive),
        pytest.param(("postgresql", 1_000_000), marks=pytest.mark.exhaustive),
    ],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def large(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, int]]:
    """A large database, and the id of a job that runs."""
    kind, finished = request.param
    url = f"sqlite:///{tmp_path / 'large.db'}"
    if kind == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.execute("CREATE DATABASE large")
        url = postgres.url("large")
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    migrate(database)
    yield database, fill_large(database, finished)
    database.dispose()
    if kind == "postgresql":
        postgres.execute("DROP DATABASE large WITH (FORCE)")


@pytest.mark.slow
@pytest.mark.parametrize("project_id", [DEFAULT_PROJECT_ID, EMPTY_PROJECT], ids=["the large project", "an empty one"])
def test_no_statement_reads_a_large_table(large: tuple[Database, int], project_id: int) -> None:
    database, running = large[0].of(project_id), large[1]
    calls = every_call(dataset_id=1, running=running, model_id=7)
    assert set(calls) == functions_with_statements() - READ_EVERYTHING, "every function with a statement is called"
    wrong = []
    for name, ways in calls.items():
        for number, way in enumerate(ways):
            with recorded() as statements, rolled_back(database) as connection:
                way(connection)
            for statement, values in statements.items():
                if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                    with rolled_back(database) as connection:
                        wrong += [f"{name} {number}: {why}\n{statement}" for why in work(connection, statement, values)]
    assert not wrong, "\n\n".join(wrong)


class rolled_back:  # noqa: N801 - reads like the function that it stands for
    """A write transaction that leaves no trace."""

    def __init__(self, database: Database) -> None:
        self._transaction = database.write()

    def __enter__(self) -> Connection:
        self._connection = self._transaction.__enter__()
        return self._connection

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._connection.get_transaction().rollback()  # type: ignore[union-attr]
        self._transaction.__exit__(kind, error, trace)


def work(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    """Why the statement reads too much."""
    if "DELETE FROM jobs WHERE status = 'PENDING'" in statement:
        return  # of the test itself
    judge = _steps if connection.dialect.name == "sqlite" else _rows
    yield from judge(connection, statement, values)


def _times(statement: str) -> int:
    """How many times as many rows as usual the statement may look at."""
    return max((times for parts, times in MORE_ROWS.items() if all(part in statement for part in parts)), default=1)


def _steps(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    plan = [str(row[-1]) for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)]
    counted = [0]

    def count() -> int:
        counted[0] += 100
        return 0

    driver: Any = connection.connection.dbapi_connection
    driver.set_progress_handler(count, 100)
    connection.exec_driver_sql(statement, values).close()
    driver.set_progress_handler(None, 0)
    if counted[0] > FEW_STEPS * _times(statement):
        yield f"takes {counted[0]:,} steps: {plan}"


def _rows(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    found = connection.exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, values).scalar_one()
    plan, most = json.loads(found) if isinstance(found, str) else found, FEW_ROWS * _times(statement)
    for node in _nodes(plan[0]["Plan"]):
        if node.get("Relation Name") in LARGE:
            looked_at = node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            if (node["Node Type"] == "Seq Scan" and node["Actual Loops"]) or looked_at > most:
                yield f"{node['Node Type']} of {looked_at:,.0f} rows of {node['Relation Name']}"


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
