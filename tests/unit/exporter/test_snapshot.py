"""When each question to the database is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collectors.base import Collector, Show, always
from exporter.snapshot import Snapshots
from ml_training.db.engine import Database, open_database
from ml_training.db.stats import Stats


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.dispose()


def test_a_question_that_takes_long_is_asked_less_often(empty: Database) -> None:
    now, asked = 1000.0, {"dear": 0, "cheap": 0}

    def dear(_stats: Stats) -> Show:
        nonlocal now
        asked["dear"] += 1
        now += 0.1
        return always({})

    def cheap(_stats: Stats) -> Show:
        asked["cheap"] += 1
        return always({})

    questions = (Collector("dear", dear, share=0.01), Collector("cheap", cheap))
    snapshots = Snapshots(empty, questions, clock=lambda: now)
    for _ in range(10):
        snapshots.read()
        now += 1.0
    assert asked == {"dear": 1, "cheap": 10}
    assert {name for name, _ in snapshots.shows()} == {"dear", "cheap"}
    snapshots.read()
    assert asked == {"dear": 2, "cheap": 11}
