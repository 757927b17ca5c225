"""The fork server of a worker: fit to be forked, orderly while it still loads, and never missed in silence."""

import signal
from collections.abc import Iterator
from pathlib import Path

import billiard
import psutil
import pytest
from billiard.queues import _SimpleQueue
from sqlalchemy import text

from ml_training.db.engine import open_database
from tests.support.eventually import eventually
from tests.support.fleet import SHORT_TIMES, Fleet
from tests.support.stack_process import is_alive
from workers.forked_pool import ForkedChild
from workers.run_worker import NO_SERVER

pytestmark = pytest.mark.slow
CHILDREN = 2


@pytest.fixture
def fleet(tmp_path: Path, sqlite_template: bytes, broker_url: str) -> Iterator[Fleet]:
    """No process yet."""
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    values = {
        "database_url": f"sqlite:///{tmp_path / 'jobs.db'}",
        "broker_url": broker_url,
        "data_dir": str(tmp_path / "data"),
        "worker_concurrency": str(CHILDREN),
        "worker_threads": "2",
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


def test_a_worker_whose_server_still_loads_leaves_in_order(fleet: Fleet) -> None:
    fleet.start("worker", "tests.support.slow_start")
    eventually(lambda: "the engine loads" in fleet.log("worker"), what="the fork server loads")
    eventually(lambda: workers_in(fleet) == 1, what="the worker has its row")
    server = fleet.fork_server()
    assert fleet.stop("worker") == 0
    assert workers_in(fleet) == 0, "it took its row away: it was not killed"
    eventually(lambda: not is_alive(server), what="the server has ended too")


def test_the_server_has_one_thread_and_no_connection_and_replaces_a_killed_child(fleet: Fleet) -> None:
    fleet.start_worker()
    eventually(lambda: fleet.ready_children("worker") == CHILDREN, what="all children are ready")
    server = fleet.fork_server()
    assert server.num_threads() == 1, "a fork copies only one thread: locks of the others would stay locked"
    assert server.net_connections(kind="inet") == []
    assert not [file.path for file in server.open_files() if "jobs.db" in file.path]

    killed = fleet.children()[0]
    killed.kill()
    eventually(lambda: not is_alive(killed), what="the child is dead")
    eventually(lambda: fleet.ready_children("worker") == CHILDREN, what="another child is ready")
    assert fleet.fork_server() == server
    assert fleet.stop("worker") == 0


def test_celery_started_by_hand_has_the_same_server_and_leaves_in_order(fleet: Fleet) -> None:
    fleet.start("worker", "celery", "-A", "workers.app", "worker")
    eventually(lambda: fleet.ready_children("worker") == CHILDREN, what="all children are ready")
    assert fleet.fork_server().num_threads() == 1
    assert workers_in(fleet) == 1, "its children read from this row whether they drain"
    assert fleet.stop("worker") == 0
    assert workers_in(fleet) == 0, "it took its row away"


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux ends a process with its parent")
def test_a_worker_without_its_server_ends_and_says_so(fleet: Fleet) -> None:
    worker = fleet.start_worker()
    eventually(lambda: fleet.ready_children("worker") == CHILDREN, what="all children are ready")
    children = fleet.children()
    fleet.fork_server().send_signal(signal.SIGKILL)
    eventually(lambda: worker.poll() == NO_SERVER, what="the worker has ended")
    assert "fork_server_ended" in fleet.log("worker")
    eventually(lambda: not any(map(is_alive, children)), what="its children have ended")


def test_a_child_keeps_the_numbers_that_its_parent_knows_it_by() -> None:
    to_child, from_child, to_copy, from_copy = (_SimpleQueue(ctx=billiard.get_context()) for _ in range(4))
    child = ForkedChild(to_child, from_child)
    make, arguments, state = child.__reduce__()
    copy = make(to_copy, from_copy, *arguments[2:])  # as in the child, where the pipes have other numbers
    assert copy.inqW_fd != child.inqW_fd
    copy.__dict__.update(state)
    assert copy.inqW_fd == child.inqW_fd
