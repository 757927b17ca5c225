"""Our reader of Celery's event channel against Celery's own: the same events, one by one and in batches."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery

from exporter.broker import open_redis
from exporter.celery_events import decode
from exporter.event_listener import EventListener
from ml_training.queue.celery_app import make_celery
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

    def take(messages: Sequence[bytes], _now: float) -> None:
        events.extend(event for message in messages for event in decode(message))

    client = open_redis(broker_url)
    listener = EventListener(client, consume=take, on_subscribed=subscribed.set)
    thread = threading.Thread(target=listener.run)
    thread.start()
    assert subscribed.wait(60)
    try:
        yield events
    finally:
        listener.stop()
        thread.join(10)
        client.close()


@contextmanager
def celerys(app: Celery) -> Iterator[list[dict[str, Any]]]:
    """Every event that Celery's receiver takes."""
    events: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": events.append})
        thread = threading.Thread(target=receiver.capture, kwargs={"wakeup": False}, daemon=True)
        thread.start()
        try:
            yield events
        finally:
            receiver.should_stop = True
            thread.join(10)


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of the test, without the fields that Celery's receiver adds or changes."""
    receivers = {"local_received", "clock", "timestamp"}
    return [
        {key: value for key, value in event.items() if key not in receivers}
        for event in tuple(events)
        if event.get("uuid") == FIELDS["uuid"]
    ]


@pytest.mark.parametrize("batched", [False, True], ids=["one by one", "batched"])
def test_both_readers_take_the_same_events(app: Celery, broker_url: str, batched: bool) -> None:
    with ours(broker_url) as mine, celerys(app) as theirs, app.connection_for_write() as connection:
        eventually(lambda: _both_listen(app, mine, theirs), what="both readers listen")
        buffer_group = {"task"} if batched else None
        with app.events.Dispatcher(connection, buffer_group=buffer_group, buffer_limit=4) as dispatcher:
            for kind in TYPES:
                dispatcher.send(kind, **FIELDS)
            dispatcher.flush()
        eventually(lambda: len(comparable(mine)) == len(comparable(theirs)) == len(TYPES), what="both took them all")
    assert comparable(mine) == comparable(theirs)
    assert sorted(event["type"] for event in comparable(mine)) == sorted(TYPES)
    assert all(isinstance(event["timestamp"], float) for event in mine)


def _both_listen(app: Celery, mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    with app.connection_for_write() as connection, app.events.Dispatcher(connection) as dispatcher:
        dispatcher.send("worker-online")
    return bool(mine) and bool(theirs)
