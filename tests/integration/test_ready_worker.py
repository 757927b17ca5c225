"""A worker offers its slots, and is ready for `up`, when a child can take a job, not when its parent has started."""

from collections.abc import Callable
from pathlib import Path

from ml_training.db.engine import open_database
from ml_training.db.heartbeats import count_slots, list_heartbeats
from tests.support.eventually import eventually
from tests.support.fleet import SHORT_TIMES, Fleet


def test_a_worker_says_that_it_is_ready_after_a_child_is(
    new_sqlite: Callable[[], str], tmp_path: Path, broker_url: str
) -> None:
    url = new_sqlite()
    values = {"database_url": url, "broker_url": broker_url, "data_dir": str(tmp_path / "data"), **SHORT_TIMES}
    values |= {"worker_concurrency": "2"}
    fleet = Fleet(tmp_path, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()})
    database = open_database(url)
    seen: list[tuple[bool, int, bool]] = []

    def is_ready() -> bool:
        with database.read() as connection:
            found = list_heartbeats(connection, kind="worker", within_seconds=30.0)
            slots = count_slots(connection, within_seconds=30.0)
        says = bool(found and found[0].body["ready"])
        seen.append((says, slots, "child_ready" in fleet.log("worker")))
        return says

    try:
        fleet.start("worker", "workers")
        eventually(is_ready, what="the worker says that it is ready")
    finally:
        fleet.end()
        database.dispose()
    assert all(child_is_ready for says, _, child_is_ready in seen if says)
    assert all((slots == 2) is says for says, slots, _ in seen)
