"""Publishes Celery's event messages as fast as Redis takes them: `python -m tests.bench.feeding URL single 200000`.

The messages are the ones that Celery's own dispatcher wrote a moment before, over and over. Like the brokers of real
fleets, Redis cuts off a subscriber that is too far behind, so the feeder waits while much is queued for one.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import redis

from exporter.broker import events_pattern
from ml_training.queue.celery_app import make_celery

JOBS = 400
A_BATCH = 24  # of Celery's prefork workers
PIPELINE = 128
MOST_QUEUED = 4 << 20
PAUSE_SECONDS = 0.002
NICE = 5  # the fleet that sends the events runs on other machines
TRACEBACK = "Traceback (most recent call last):\n" + '  File "/app/engine.py", line 7, in train\n' * 8


def events_of_a_job(number: int) -> list[tuple[str, dict[str, Any]]]:
    """What Celery sends for one permit; one in twenty fails."""
    name = {"uuid": f"6d2b8c1e-0000-4000-8000-{number:012d}"}
    sent = {**name, "name": "ml_training.run", "args": "()", "kwargs": "{}", "retries": 0, "queue": "ml_training"}
    failed = {**name, "exception": "ValueError('x')", "traceback": TRACEBACK}
    ended = (
        ("task-failed", failed) if number % 20 == 0 else ("task-succeeded", {**name, "result": "None", "runtime": 3.5})
    )
    received = {**sent, "root_id": name["uuid"], "parent_id": None, "eta": None, "expires": None}
    return [("task-sent", sent), ("task-received", received), ("task-started", name), ended]


def record(url: str, *, batched: bool) -> list[tuple[bytes, bytes, int]]:
    """(channel, message, events in it) of JOBS jobs and a few heartbeats, written by Celery's own dispatcher."""
    app = make_celery(url)
    with redis.Redis.from_url(url) as client, client.pubsub() as listener:
        listener.psubscribe(events_pattern(client))
        listener.get_message(timeout=30)
        sent = _dispatch(app, batched=batched)
        found: list[tuple[bytes, bytes, int]] = []
        while sum(count for _, _, count in found) < sent:
            message = listener.get_message(timeout=30)
            if message is None:
                raise SystemExit("the dispatcher's messages did not come")
            found.append((message["channel"], message["data"], _count(message["data"])))
    app.close()
    return found


def feed(url: str, messages: Sequence[tuple[bytes, bytes, int]], *, events: int) -> int:
    """Publish until so many events are sent; returns how many exactly."""
    control = redis.Redis.from_url(url)
    connection: Any = control.connection_pool.make_connection()
    connection.connect()
    raw: socket.socket = connection._sock
    pause = threading.Event()
    commands = [_command(b"PUBLISH", channel, data) for channel, data, _ in messages]
    sent = at = 0
    while sent < events:
        part = range(at, min(at + PIPELINE, len(commands)))
        raw.sendall(b"".join(commands[number] for number in part))
        sent += sum(messages[number][2] for number in part)
        _read_lines(raw, len(part))
        at = part.stop % len(commands)
        while _queued(control) > MOST_QUEUED:
            pause.wait(PAUSE_SECONDS)
    connection.disconnect()
    control.close()
    return sent


def main() -> None:
    """Publish, then say how many events that were."""
    url, mode, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.nice(NICE)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    messages = record(url, batched=mode == "batched")
    sys.stdout.write(json.dumps({"recorded": sum(m[2] for m in messages), "sent": feed(url, messages, events=events)}))


def _dispatch(app: Any, *, batched: bool) -> int:
    sent = 0
    options = {"buffer_group": {"task"} if batched else None, "buffer_limit": A_BATCH}
    with (
        app.connection_for_write() as connection,
        app.events.Dispatcher(connection, hostname="worker@host-1", **options) as worker,
        app.events.Dispatcher(connection, hostname="gen1@host-1") as producer,
    ):
        for number in range(JOBS):
            for kind, fields in events_of_a_job(number):
                (producer if kind == "task-sent" else worker).send(kind, **fields)
                sent += 1
            if number % 100 == 0:
                worker.send("worker-heartbeat", freq=2.0, active=2, processed=number, loadavg=[1.0, 1.0, 1.0])
                sent += 1
        worker.flush()
    return sent


def _count(message: bytes) -> int:
    from exporter.events import decode

    return len(decode(message))


def _command(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _read_lines(raw: socket.socket, count: int) -> None:
    while count > 0:
        count -= raw.recv(1 << 16).count(b"\n")


def _queued(control: redis.Redis) -> int:
    clients: Any = control.client_list(_type="pubsub")
    return max((int(client["omem"]) for client in clients), default=0)


if __name__ == "__main__":
    main()
