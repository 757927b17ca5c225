"""When each collector reads the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collectors.base import Render, always
from exporter.snapshot import DatabaseSnapshot
from ml_training.db.engine import Database, open_database
from ml_training.db.stats import Stats
from tests.support.collectors import StubCollector


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.dispose()


def test_a_collector_that_takes_long_runs_less_often(empty: Database) -> None:
    now, runs = 1000.0, {"slow": 0, "quick": 0}

    def slow(_stats: Stats) -> Render:
        nonlocal now
        runs["slow"] += 1
        now += 0.1
        return always({})

    def quick(_stats: Stats) -> Render:
        runs["quick"] += 1
        return always({})

    collectors = (StubCollector("slow", slow, share=0.01), StubCollector("quick", quick))
    snapshot = DatabaseSnapshot(empty, collectors, clock=lambda: now)
    for _ in range(10):
        snapshot.read()
        now += 1.0
    assert runs == {"slow": 1, "quick": 10}
    assert {name for name, _ in snapshot.renders()} == {"slow", "quick"}
    snapshot.read()
    assert runs == {"slow": 2, "quick": 11}
