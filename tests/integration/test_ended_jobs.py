"""The channel that tells ends: it wakes who waits, and when it is silent the row is looked at all the same."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_training.queue.ended_jobs import EndListener, dataset_key, job_key, open_end_listener, open_end_sender
from tests.support.eventually import PATIENCE, eventually
from tests.support.redis_server import RedisServer, start_redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A broker that the test may hurt."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def listener(server: RedisServer) -> Iterator[EndListener]:
    """A listener that nobody has used yet."""
    listener = open_end_listener(server.url)
    yield listener
    listener.close()


def is_live(listener: EndListener) -> bool:
    """Whether a wait that begins now would be told the end."""
    with listener.watch("nothing") as waiter:
        return waiter.is_live


def test_an_end_wakes_those_who_wait_for_it_and_nobody_else(server: RedisServer, listener: EndListener) -> None:
    eventually(lambda: is_live(listener), what="the listener has subscribed")
    sender = open_end_sender(server.url)
    sender.start()
    with (
        listener.watch(job_key(7)) as one,
        listener.watch(job_key(7)) as two,
        listener.watch(dataset_key(7)) as of_data,
        listener.watch(job_key(8)) as other,
    ):
        sender.send([job_key(7), dataset_key(7)])
        assert one.wait(PATIENCE)
        assert two.wait(PATIENCE)
        assert of_data.wait(PATIENCE)
        assert not other.wait(0), "another job"
        assert not one.wait(0), "one end wakes once"


def test_another_database_of_the_server_is_another_channel(server: RedisServer, listener: EndListener) -> None:
    eventually(lambda: is_live(listener), what="the listener has subscribed")
    for database, is_told in (("1", False), ("0", True)):
        sender = open_end_sender(f"{server.url.removesuffix('/0')}/{database}")
        sender.start()
        with listener.watch(job_key(1)) as waiter:
            sender.send([job_key(1)])
            assert waiter.wait(PATIENCE if is_told else 0.5) is is_told


def test_a_waiter_looks_again_when_the_channel_breaks_and_when_it_is_back(
    server: RedisServer, listener: EndListener
) -> None:
    eventually(lambda: is_live(listener), what="the listener has subscribed")
    with listener.watch(job_key(1)) as waiter:
        server.kill()
        assert waiter.wait(PATIENCE), "an end may be told to nobody from now on"
        assert not waiter.is_live
        server.restart()
        eventually(lambda: waiter.wait(0) and waiter.is_live, what="it looks once more after the gap, then sleeps")


def test_a_frozen_server_is_noticed(server: RedisServer, listener: EndListener) -> None:
    eventually(lambda: is_live(listener), what="the listener has subscribed")
    psutil.Process(server.process.pid).suspend()
    try:
        eventually(lambda: not is_live(listener), what="its silence is noticed")
    finally:
        psutil.Process(server.process.pid).resume()
    eventually(lambda: is_live(listener), what="it is used again")
