"""Readiness sees due jobs beside free slots that nobody takes, and a broker that takes no permits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from ml_training.db import claims, heartbeats
from ml_training.db.untaken_jobs import untaken_slots
from ml_training.execution import transitions
from ml_training.execution.transitions import AttemptFence
from ml_training.queue.broker_check import BrokerCheck
from ml_training.services.health import readiness
from ml_training.services.resources import Resources
from tests.support.database_clock import database_now
from tests.support.jobs import store_dataset, store_job
from tests.support.redis_server import RedisServer, start_redis

Beat = Callable[..., None]


@pytest.fixture
def beat(resources: Resources) -> Beat:
    """Writes the row of a worker that has lived for `age` seconds."""

    def write(*, slots: int = 2, age: float = 1_000.0) -> None:
        with resources.database.write() as connection:
            heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body={"slots": slots})
            connection.exec_driver_sql(f"UPDATE heartbeats SET started_at = seen_at - {age}")

    return write


def untaken(resources: Resources) -> int:
    with resources.database.read() as connection:
        return untaken_slots(connection, seconds=60.0, alive_seconds=30.0)


def old_job(resources: Resources, *, ago: float = 100.0, delayed: bool = False) -> int:
    with resources.database.read() as connection:
        now = database_now(connection)
    job_id = store_job(resources.database, dataset_id=store_dataset(resources.database))
    created = now - ago - (50.0 if delayed else 0.0)
    with resources.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET created_at = {created}, run_after = {now - ago}")
    return job_id


@pytest.mark.parametrize("delayed", [False, True])
def test_a_due_job_beside_free_slots_is_untaken(resources: Resources, beat: Beat, delayed: bool) -> None:
    old_job(resources, delayed=delayed)
    assert untaken(resources) == 0, "there is no worker"
    beat()
    assert untaken(resources) == 2
    workers = readiness(resources).components["workers"]
    assert not workers.ok
    assert "no due job was taken for 30 s" in workers.detail


def test_a_new_worker_a_young_job_and_a_draining_worker_are_no_trouble(resources: Resources, beat: Beat) -> None:
    old_job(resources)
    beat(age=10.0)
    assert untaken(resources) == 0, "the worker has just started"
    beat()
    with resources.database.write() as connection:
        heartbeats.mark_draining(connection, "worker@a-1")
    assert untaken(resources) == 0
    with resources.database.write() as connection:
        connection.exec_driver_sql("UPDATE heartbeats SET draining = false")
        connection.exec_driver_sql("UPDATE jobs SET run_after = run_after + 70, created_at = created_at + 70")
    assert untaken(resources) == 0, "the job has been due for 30 s"


def test_a_claim_or_an_end_says_that_workers_work(resources: Resources, beat: Beat) -> None:
    beat(slots=3)
    first, _ = old_job(resources), store_job(resources.database, dataset_id=1)
    with resources.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET run_after = run_after - 100, created_at = created_at - 100")
        claimed = claims.claim_next(connection, worker="worker@a-1", lease_seconds=500.0)
        assert claimed is not None
        assert claimed.id == first
    assert untaken(resources) == 0, "it was claimed just now"
    with resources.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET attempt_started_at = attempt_started_at - 100 WHERE attempt = 1")
    assert untaken(resources) == 2, "it has run for long, and nobody takes the other one"
    beat(slots=1)
    assert untaken(resources) == 0, "its slot is the only one"
    beat(slots=3)
    with resources.database.write() as connection:
        transitions.cancel(connection, AttemptFence.of(claimed))
    assert untaken(resources) == 0, "a job ended just now"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may hurt."""
    server = start_redis(tmp_path)
    yield server
    server.stop()


def test_a_broker_that_takes_nothing_is_seen(own_redis: RedisServer) -> None:
    check = BrokerCheck(own_redis.url, budget=2.0)
    assert check.trouble() is None
    with redis.Redis.from_url(own_redis.url) as attacker:
        attacker.config_set("maxmemory", "1mb")
        assert "is full" in str(check.trouble())
        attacker.config_set("maxmemory", "0")
        attacker.set("ml_training", "x")
        assert "refuses permits" in str(check.trouble())
        attacker.delete("ml_training")
        assert check.trouble() is None
        attacker.config_set("requirepass", "another")
        assert "refuses the password" in str(check.trouble()), "although older connections still work"
    own_redis.kill()
    assert check.trouble() == "does not answer"
