"""Counters and histograms equal the rows in every read, whatever is killed meanwhile and whatever is deleted."""

from pathlib import Path

import pytest
from sqlalchemy import text

from ml_training.db.engine import Database
from ml_training.execution.run_job import run_next
from tests.support.counter_stress import Reader, Wrong, run_stress
from tests.support.jobs import store_dataset, store_job, train_at_once, worker_context

pytestmark = pytest.mark.slow
KILLS = 30


def test_counters_equal_the_rows_while_everything_is_killed_at_random(database_url: str, tmp_path: Path) -> None:
    outcome = run_stress(database_url, tmp_path, kills=KILLS, seed=20_261_123)
    assert outcome.reads >= 2 * KILLS
    assert outcome.pages > 0
    assert outcome.jobs >= 20


@pytest.mark.parametrize("trigger", ["jobs_ledger_terminal", "jobs_ledger_wait"])
def test_the_reader_notices_a_count_that_is_missing(database: Database, tmp_path: Path, trigger: str) -> None:
    reader, dataset_id = Reader(database), store_dataset(database)
    context = worker_context(database, tmp_path, train_at_once)
    store_job(database, dataset_id=dataset_id)
    assert run_next(context)
    reader.compare()
    with database.write() as connection:
        table = " ON jobs" if database.dialect == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER {trigger}{table}"))
    store_job(database, dataset_id=dataset_id)
    assert run_next(context)
    with pytest.raises(Wrong, match="not counted"):
        reader.compare()


def test_the_reader_notices_a_count_that_was_lost(database: Database, tmp_path: Path) -> None:
    reader, dataset_id = Reader(database), store_dataset(database)
    store_job(database, dataset_id=dataset_id)
    assert run_next(worker_context(database, tmp_path, train_at_once))
    reader.compare()
    assert reader.delete(10) == 1
    reader.compare()
    with database.write() as connection:
        connection.execute(text("DELETE FROM ledger"))
    with pytest.raises(Wrong, match="not counted"):
        reader.compare()
