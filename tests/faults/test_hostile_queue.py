"""Whoever reaches Redis may wake or delay a worker, and nothing else: no entry and no key ends one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from ml_training.domain.queue_names import QUEUE
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from tests.support.datasets import ready_sample
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.fleet_jobs import SMALL, ended, running, train
from tests.support.hostile_entries import KEYS, changed, entries, wrong_types
from tests.support.redis_server import RedisServer, start_redis

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that these tests may hurt."""
    server = start_redis(tmp_path_factory.mktemp("own-redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, own_redis: RedisServer, sqlite_template: bytes
) -> Iterator[RunningFleet]:
    """One worker with one slot, and maintenance."""
    directory = tmp_path_factory.mktemp("stack")
    (directory / "jobs.db").write_bytes(sqlite_template)
    url = f"sqlite:///{directory / 'jobs.db'}"
    with running_fleet(directory, database_url=url, broker_url=own_redis.url) as stack:
        stack.wait_for_slots(1)
        yield stack


@pytest.fixture(scope="module")
def small(stack: RunningFleet) -> int:
    """The id of a small data set."""
    return ready_sample(stack.resources).id


@pytest.fixture
def client(own_redis: RedisServer, stack: RunningFleet) -> Iterator[Redis]:
    """The attacker's connection; afterwards the worker and its child must be the ones that started."""
    [child] = stack.fleet.children()
    with Redis.from_url(own_redis.url) as client:
        yield client
        client.flushall()
    assert stack.fleet.processes["worker"].poll() is None, "the worker ended"
    assert stack.fleet.children() == [child]
    assert "Unrecoverable" not in stack.fleet.log("worker")


def test_what_is_no_permit_is_counted(stack: RunningFleet, client: Redis) -> None:
    # The first test: a worker counts with its heartbeat, so those that another test has dropped may be counted later.
    def dropped() -> int:
        with stack.resources.database.read() as connection:
            query = """SELECT coalesce(sum(rows), 0) FROM (SELECT rows FROM ledger_totals WHERE kind = 'dropped'
                UNION ALL SELECT rows FROM ledger WHERE kind = 'dropped') AS both_parts"""
            return int(connection.exec_driver_sql(query).scalar_one())

    before = dropped()
    client.rpush(QUEUE, *[b"hello"] * 500, *[changed("headers", task="celery.backend_cleanup")] * 500)
    eventually(lambda: dropped() == before + 1_000, what="every entry is counted once")


def test_no_entry_ends_or_delays_the_worker(stack: RunningFleet, small: int, client: Redis) -> None:
    kinds = entries()
    assert len(kinds) > 100
    for name, entry in kinds.items():
        client.rpush(QUEUE, entry)
        job = ended(stack, train(stack, small, params=SMALL).id)
        assert (name, job.status, job.attempt) == (name, JobStatus.COMPLETED, 1)
    eventually(lambda: client.llen(QUEUE) == 0, what="every entry is taken")
    assert client.keys("unacked*") == [], "nothing is put back for the next worker"


def test_an_entry_of_a_hundred_megabytes_is_dropped(stack: RunningFleet, small: int, client: Redis) -> None:
    client.rpush(QUEUE, b"x" * 100_000_000)
    assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    eventually(lambda: client.llen(QUEUE) == 0, what="the list is empty")


def test_garbage_beside_a_running_job_stops_neither_the_job_nor_the_next(
    stack: RunningFleet, small: int, client: Redis
) -> None:
    first = running(stack, train(stack, small, params={"n_estimators": 3_000}).id)
    client.rpush(QUEUE, *list(entries().values())[:37])
    waiting = train(stack, small, params=SMALL)
    for job in (first, waiting):
        found = ended(stack, job.id)
        assert (found.status, found.attempt) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_a_wrong_type_stops_no_job(stack: RunningFleet, small: int, client: Redis, key: str) -> None:
    for name, store in wrong_types().items():
        client.delete(key)
        store(client, key)
        job = ended(stack, train(stack, small, params=SMALL).id)
        assert (name, job.status) == (name, JobStatus.COMPLETED)


def test_a_worker_starts_beside_keys_of_a_wrong_type(
    own_redis: RedisServer, stack: RunningFleet, small: int, client: Redis
) -> None:
    for key in KEYS:
        client.set(key, "x")
    worker = stack.fleet.start_worker("second")
    os.kill(stack.fleet.processes["worker"].pid, 19)
    try:
        assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    finally:
        os.kill(stack.fleet.processes["worker"].pid, 18)
    assert worker.poll() is None
    stack.fleet.kill("second")


def test_without_redis_and_permits_the_workers_look_themselves(
    tmp_path: Path, sqlite_template: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    server = start_redis(tmp_path_factory.mktemp("redis"))
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    with running_fleet(tmp_path, database_url=url, broker_url=server.url, worker_poll_seconds="0.5") as stack:
        dataset = ready_sample(stack.resources)
        server.kill()
        stack.fleet.kill("maintenance")
        jobs = [train(stack, dataset.id, params=SMALL) for _ in range(3)]
        assert {ended(stack, job.id).status for job in jobs} == {JobStatus.COMPLETED}
        job = running(stack, train(stack, dataset.id, params={"n_estimators": 10_000, "num_leaves": 255}).id)
        assert stack.fleet.stop("worker") == 0, "a worker that runs a job without a permit drains all the same"
        assert queries.get_job(stack.resources, job.id).status is JobStatus.PENDING, "it was handed back"
        stack.fleet.start_worker("next")
        assert running(stack, job.id, attempt=2).attempt == 2, "the next worker starts without Redis too"
