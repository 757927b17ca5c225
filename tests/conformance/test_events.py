"""Our reader of Celery's event channel against Celery's own: the same events, one by one and in batches."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery

from exporter.broker import open_redis
from exporter.events import decode
from exporter.listener import Listener
from ml_training.queue.app import make_celery
from tests.support.eventually import eventually

TASKS = ("sent", "received", "started", "succeeded", "failed", "rejected", "revoked", "retried", "progress", "changed")
TYPES = [*(f"task-{name}" for name in TASKS), "worker-online", "worker-heartbeat", "worker-offline"]
FIELDS = {
    "uuid": "0123",
    "job_id": 7,
    "attempt": 1,
    "progress": 0.5,
    "message": 'tree 3 of 10 "ä" \u2028 \\',
    "args": None,
}


@pytest.fixture
def app(broker_url: str) -> Iterator[Celery]:
    app = make_celery(broker_url)
    yield app
    app.close()


@contextmanager
def ours(broker_url: str) -> Iterator[list[dict[str, Any]]]:
    """Every event that our reader takes."""
    events: list[dict[str, Any]] = []
    subscribed = threading.Event()

    def take(message: bytes, *, now: float) -> None:
        events.extend(decode(message))

    client = open_redis(broker_url)
    listener = Listener(client, take=take, on_subscribed=subscribed.set)
    thread = threading.Thread(target=listener.run)
    thread.start()
    assert subscribed.wait(10)
    yield events
    listener.stop()
    thread.join(10)
    client.close()


@contextmanager
def celerys(app: Celery) -> Iterator[list[dict[str, Any]]]:
    """Every event that Celery's receiver takes."""
    events: list[dict[str, Any]] = []
    stopped, ready = threading.Event(), threading.Event()

    def run() -> None:
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": events.append})
            with receiver.Consumer(connection.channel(), queues=[receiver.queue]) as consumer:
                consumer.callbacks = [receiver._receive]
                ready.set()
                while not stopped.is_set():
                    try:
                        connection.drain_events(timeout=0.2)
                    except TimeoutError:
                        continue

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield events
    stopped.set()
    thread.join(10)


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """Without what Celery's receiver adds or shifts for itself."""
    return {key: value for key, value in event.items() if key not in {"local_received", "clock", "timestamp"}}


@pytest.mark.parametrize("batched", [False, True], ids=["one by one", "batched"])
def test_both_readers_take_the_same_events(app: Celery, broker_url: str, batched: bool) -> None:
    with ours(broker_url) as mine, celerys(app) as theirs, app.connection_for_write() as connection:
        eventually(lambda: _both_listen(app, mine, theirs), within=20, what="both readers listen")
        del mine[:], theirs[:]
        buffer_group = {"task"} if batched else None
        with app.events.Dispatcher(connection, buffer_group=buffer_group, buffer_limit=4) as dispatcher:
            for kind in TYPES:
                dispatcher.send(kind, **FIELDS)
            dispatcher.flush()
        eventually(lambda: len(mine) == len(theirs) == len(TYPES), within=20, what=f"{len(mine)} and {len(theirs)}")
    assert [comparable(event) for event in mine] == [comparable(event) for event in theirs]
    assert sorted(event["type"] for event in mine) == sorted(TYPES)
    assert all(isinstance(event["timestamp"], float) for event in mine)


def _both_listen(app: Celery, mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    with app.connection_for_write() as connection, app.events.Dispatcher(connection) as dispatcher:
        dispatcher.send("worker-online")
    return bool(mine) and bool(theirs) and len(mine) == len(theirs)
