"""The exporter's queries: exact through a fold and a retention run, bounded, and never a scan of all jobs."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, text

from ml_training.db import claims, ledger, results
from ml_training.db.aliases import drop_aliases, set_aliases
from ml_training.db.engine import Database
from ml_training.db.stats import LedgerTotal, ProjectUse, Stats, open_stats
from ml_training.db.tables import jobs, model_aliases, models
from tests.support.jobs import store_dataset, store_job
from tests.support.scenario import Scenario, open_scenario, write_scenario

FRESH = 900.0


def totals(database: Database) -> dict[tuple[str, str, str, str, int], tuple[int, float, int]]:
    """The ledger as the page adds it up: folded and fresh rows of a kind are one number."""
    found: dict[tuple[str, str, str, str, int], tuple[int, float, int]] = {}
    with open_stats(database) as stats:
        for row in stats.ledger():
            n, seconds, rows = found.get(row[:5], (0, 0.0, 0))
            found[row[:5]] = (n + row.n, seconds + row.seconds, rows + row.rows)
    return found


def test_the_ledger_reads_the_same_before_during_and_after_a_fold(database: Database) -> None:
    write_scenario(open_scenario(database))
    before = totals(database)
    assert sum(n for key, (n, _, _) in before.items() if key[0] == "terminal") == 5
    folded = 1
    while folded:
        with database.write() as connection:
            folded = ledger.fold(connection, limit=1)
        assert totals(database) == before


def test_the_types_of_the_ledger_are_numbers_not_decimals(database: Database) -> None:
    write_scenario(open_scenario(database))
    with open_stats(database) as stats:
        for row in stats.ledger():
            assert [type(value) for value in row] == [
                type(value) for value in LedgerTotal("", "", "", "", 0, 0, 0.0, 0)
            ]


def test_deleting_every_job_takes_nothing_from_the_ledger(database: Database) -> None:
    write_scenario(open_scenario(database))
    before = totals(database)
    with database.write() as connection:
        connection.execute(text("DELETE FROM models"))
        connection.execute(delete(jobs))
    assert totals(database) == before


def test_the_use_of_the_named_projects_is_that_of_their_rows(database: Database) -> None:
    with database.write() as connection:
        for name in ("team-b", "team-c", "hidden"):
            connection.execute(text("INSERT INTO projects (name, created_at) VALUES (:name, 0.0)"), {"name": name})
    dataset_id = store_dataset(database.of(2))
    store_job(database.of(4), dataset_id=store_dataset(database.of(4)))
    for _ in range(3):
        store_job(database.of(2), dataset_id=dataset_id, priority=1)
    with database.write() as connection:
        connection.execute(text("UPDATE datasets SET raw_bytes = 1000, index_bytes = 500"))
        claimed = claims.claim_next(connection, worker="worker@host-1", lease_seconds=30)
        assert claimed is not None
        assert claimed.project_id == 2
    with open_stats(database) as stats:
        found = {row.name: row for row in stats.projects(["team-b", "team-c", "unknown"])}
        assert stats.projects([]) == ()
    assert found == {
        "team-b": ProjectUse("team-b", pending=2, running=1, stored_bytes=1500),
        "team-c": ProjectUse("team-c", pending=0, running=0, stored_bytes=0),
    }


def test_jobs_come_in_the_order_of_their_importance(database: Database) -> None:
    scenario = open_scenario(database)
    write_scenario(scenario)
    second = scenario.job(created=1.0)
    scenario.start(second, ago=0.5)
    with open_stats(database) as stats:
        page = stats.jobs(limit=100, finished_within=FRESH)
    statuses = [row.status for row in page.jobs]
    assert statuses == ["RUNNING", "RUNNING", "PENDING", "PENDING", "CANCELLED", "FAILED", "COMPLETED"]
    assert [row.started_at for row in page.jobs[:2]] == [scenario.base - 60.0, scenario.base - 0.5]
    finished = [row.finished_at for row in page.jobs[4:]]
    assert finished == sorted(finished, reverse=True)
    assert page.hidden == 0


def test_a_cut_keeps_the_first_and_counts_the_rest(database: Database) -> None:
    write_scenario(open_scenario(database))
    with open_stats(database) as stats:
        whole = stats.jobs(limit=100, finished_within=FRESH).jobs
        for limit in range(1, len(whole)):
            page = stats.jobs(limit=limit, finished_within=FRESH)
            assert page.jobs == whole[:limit]
            assert page.hidden == len(whole) - limit


def test_a_job_that_waits_for_its_time_or_for_its_end_is_not_due(database: Database) -> None:
    scenario = open_scenario(database)
    scenario.job(created=30.0)
    scenario.job(created=50.0, run_after=scenario.base + 3600.0)
    held = scenario.job(created=40.0)
    scenario.start(held, ago=10.0)
    scenario.change(held, cancel_requested=True)
    scenario.change(held, status="PENDING", lease_until=None, worker=None)
    with open_stats(database) as stats:
        (waiting,) = stats.live_jobs()
        assert (waiting.n, waiting.due, waiting.due_since) == (3, 1, scenario.base - 30.0)
        assert stats.busy_slots() == {}


def test_no_query_reads_the_whole_table_of_jobs(database: Database) -> None:
    scenario = open_scenario(database)
    _many_finished(scenario)
    write_scenario(scenario)
    plans = _plans(database)
    assert len(plans) >= 5
    for statement, plan in plans.items():
        assert not any(_scans_jobs(line) for line in plan), f"{statement}\n" + "\n".join(plan)


def _shown(database: Database, *, newest: int, aliased: int) -> list[int]:
    with open_stats(database) as stats:
        return [row.id for row in stats.shown_models(newest=newest, aliased=aliased)]


def test_the_newest_models_are_shown_and_older_ones_that_have_an_alias(database: Database) -> None:
    scenario = open_scenario(database)
    dataset = scenario.dataset()
    assert _shown(database, newest=3, aliased=2) == []
    ids = [scenario.model(job_id, dataset, name=f"m{job_id}", train_accuracy=0.5) for job_id in range(1, 11)]
    assert _shown(database, newest=3, aliased=2) == [10, 9, 8]
    for model_id in (1, 2, 4, 5, 9):
        _point(database, model_id, f"m{model_id}", "a", "b")
    assert _shown(database, newest=3, aliased=2) == [10, 9, 8, 5, 4]
    assert _shown(database, newest=3, aliased=9) == [10, 9, 8, 5, 4, 2, 1]
    with database.write() as connection:
        for model_id in (10, 9, 5):
            results.mark_model_deleted(connection, model_id)
            drop_aliases(connection, name=f"m{model_id}", model_id=model_id)
    assert _shown(database, newest=3, aliased=2) == [8, 7, 6, 4, 2]
    assert _shown(database, newest=len(ids), aliased=2) == [8, 7, 6, 4, 3, 2, 1]


def _point(database: Database, model_id: int, name: str, *aliases: str) -> None:
    with database.write() as connection:
        set_aliases(connection, name=name, model_id=model_id, version=1, aliases=aliases)


@pytest.mark.slow
@pytest.mark.parametrize("aliased", [True, False])
def test_showing_models_costs_the_same_however_many_there_are(database: Database, aliased: bool) -> None:
    scenario = open_scenario(database)
    dataset = scenario.dataset()
    _many_models(database, dataset, 10_000, aliased=aliased)
    few = _effort(database)
    _many_models(database, dataset, 30_000, aliased=aliased)
    assert _effort(database) <= 1.5 * few  # of four times as many


def _many_models(database: Database, dataset_id: int, count: int, *, aliased: bool) -> None:
    row = {
        "model_type": "ridge",
        "task": "binary",
        "attempt": 1,
        "dataset_id": dataset_id,
        "dataset_sha256": "0",
        "artifact_key": "k",
        "artifact_sha256": "0",
        "artifact_bytes": 1,
        "scores": {},
        "details": {"x": "x" * 200},
        "lineage": {},
        "created_at": 1.0,
    }
    with database.read() as connection:
        first = connection.execute(text("SELECT coalesce(max(id), 0) + 1 FROM models")).scalar_one()
    for start in range(first, first + count, 1_000):  # PostgreSQL is slow to change a counter often in one transaction
        ids = range(start, start + 1_000)
        aliases = [{"name": f"m{n}", "alias": "champion", "model_id": n, "created_at": 1.0} for n in ids]
        with database.write() as connection:
            named = [row | {"id": n, "name": f"m{n}", "version": 1, "job_id": n} for n in ids]
            connection.execute(insert(models), named)
            if aliased:
                connection.execute(insert(model_aliases), aliases)
    with database.write() as connection:
        connection.execute(text("ANALYZE"))


def _effort(database: Database) -> int:
    """Steps of SQLite's machine, or pages that PostgreSQL touches."""
    with open_stats(database) as stats:
        if database.dialect == "sqlite":
            return _steps(stats)
        asked = _asked(lambda: stats.shown_models(newest=200, aliased=200), " models ")
    [(statement, parameters)] = asked.items()
    with database.read() as connection:
        plan = connection.exec_driver_sql("EXPLAIN (ANALYZE, FORMAT JSON, BUFFERS) " + statement, parameters).scalar()
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def _steps(stats: Stats) -> int:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    driver = stats._connection.connection.driver_connection
    assert driver is not None
    driver.set_progress_handler(count, 100)
    try:
        stats.shown_models(newest=200, aliased=200)
    finally:
        driver.set_progress_handler(None, 0)
    return steps


def _many_finished(scenario: Scenario) -> None:
    # A planner that sees a small table rightly reads it whole; rows come in as they are, past the triggers' rules.
    sqlite = scenario.database.dialect == "sqlite"
    with scenario.database.write() as connection:
        if sqlite:
            connection.execute(text("DROP TRIGGER jobs_born_pending"))
        else:
            connection.execute(text("ALTER TABLE jobs DISABLE TRIGGER jobs_guard"))
        row = {
            "job_type": "TRAIN",
            "model_type": "ridge",
            "status": "COMPLETED",
            "spec": {"fill": "x" * 300},
            "priority": 5,
            "attempt": 1,
            "cancel_requested": False,
            "max_runtime_seconds": 1.0,
            "runtime_seconds": 0.0,
            "progress": 1.0,
            "progress_message": "",
            "phases_count": 0,
            "result_id": 1,
            "created_at": 1.0,
            "run_after": 1.0,
            "started_at": 2.0,
        }
        connection.execute(insert(jobs), [{**row, "finished_at": float(n)} for n in range(20_000)])
        connection.execute(text("ANALYZE"))


def _asked(ask: Callable[[], object], table: str) -> dict[str, Any]:
    """The statements about a table that `ask` makes, and their parameters."""
    asked: dict[str, Any] = {}

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if table in statement.replace("\n", " "):
            asked[statement] = parameters

    event.listen(Engine, "after_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(Engine, "after_cursor_execute", note)
    return asked


def _plans(database: Database) -> dict[str, list[str]]:
    with open_stats(database) as stats:
        asked = _asked(lambda: _ask_everything(stats), " jobs ")
    prefix = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.read() as connection:
        return {
            statement: [str(row[-1]) for row in connection.exec_driver_sql(prefix + statement, parameters)]
            for statement, parameters in asked.items()
        }


def _ask_everything(stats: Stats) -> None:
    stats.jobs(limit=100, finished_within=FRESH)
    stats.jobs(limit=3, finished_within=FRESH)
    stats.live_jobs()
    stats.busy_slots()


def _scans_jobs(line: str) -> bool:
    return "Seq Scan on jobs" in line or line.endswith("SCAN jobs")
