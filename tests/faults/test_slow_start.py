"""A worker that is told to leave while its children still start: they have no job, so it does not wait for them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ml_training.db.engine import open_database
from tests.support.eventually import eventually
from tests.support.fleet import SHORT_TIMES, Fleet

pytestmark = pytest.mark.slow
CHILDREN = 2


@pytest.fixture
def fleet(tmp_path: Path, sqlite_template: bytes, broker_url: str) -> Iterator[Fleet]:
    """No process yet; its workers never become ready."""
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    values = {
        "database_url": f"sqlite:///{tmp_path / 'jobs.db'}",
        "broker_url": broker_url,
        "data_dir": str(tmp_path / "data"),
        "worker_concurrency": str(CHILDREN),
        "worker_threads": "1",
        **SHORT_TIMES,
    }
    fleet = Fleet(tmp_path, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()})
    yield fleet
    fleet.end()


def workers_in(fleet: Fleet) -> int:
    """How many workers have a heartbeat row."""
    database = open_database(fleet.variables["ML_TRAINING_DATABASE_URL"])
    try:
        with database.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM heartbeats WHERE kind = 'worker'")).scalar_one())
    finally:
        database.dispose()


def test_a_worker_whose_children_still_start_leaves_in_order(fleet: Fleet) -> None:
    fleet.start("worker", "tests.support.slow_start")
    eventually(lambda: fleet.log("worker").count(" starts") == CHILDREN, what="the children start")
    eventually(lambda: workers_in(fleet) == 1, what="the worker has its row")
    assert fleet.stop("worker") == 0
    assert workers_in(fleet) == 0, "it took its row away: it was not killed"


def test_a_child_that_is_ready_does_not_notice_the_signal_that_ends_starting_ones(fleet: Fleet) -> None:
    fleet.start_worker()
    eventually(lambda: fleet.ready_children("worker") == CHILDREN, what="all children are ready")
    for child in fleet.children():
        child.send_signal(signal.SIGUSR2)
    assert fleet.stop("worker") == 0
    assert "exited with" not in fleet.log("worker")
