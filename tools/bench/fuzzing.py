"""Hostile and broken messages for the event channel; none of them may move a number that comes from the database."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

CHANNELS = ("task.started", "task.progress", "task.multi", "worker.heartbeat", "x", "task.\xff", "a" * 300)
NUMBERS: tuple[Any, ...] = (
    None,
    True,
    "0.5",
    -1,
    -0.0,
    2,
    1.5,
    1e308,
    10**400,
    -(10**30),
    [],
    {},
    [0.5],
    "NaN",
    "\x00",
    'x"} 1\nml_db_connected 0',
)
KINDS: tuple[Any, ...] = (
    "task-progress",
    "task-changed",
    "task-started",
    "worker-offline",
    "",
    "task-",
    'x"} 1\n',
    7,
    None,
    [],
    {},
    "a" * 10_000,
)


def fuzzed(recorded: Sequence[bytes], *, count: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """(channel, message) pairs: broken copies of real messages, and well-formed ones that make no sense."""
    chance = random.Random(seed)
    makers = (_flip, _cut, _splice, _noise)
    for _ in range(count):
        channel = f"/0.celeryev/{chance.choice(CHANNELS)}".encode("utf-8", "surrogateescape")
        if chance.random() < 0.5:
            yield channel, chance.choice(makers)(chance, chance.choice(recorded))
        else:
            yield channel, _senseless(chance)


def _flip(chance: random.Random, message: bytes) -> bytes:
    broken = bytearray(message)
    for _ in range(chance.randint(1, 8)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken)


def _cut(chance: random.Random, message: bytes) -> bytes:
    return message[: chance.randrange(len(message))]


def _splice(chance: random.Random, message: bytes) -> bytes:
    at, piece = chance.randrange(len(message)), chance.choice((b"\x00", b'"', b"[" * 2000, b"9" * 400, b"\\u0000"))
    return message[:at] + piece + message[at:]


def _noise(chance: random.Random, _message: bytes) -> bytes:
    return chance.randbytes(chance.randrange(300))


def _senseless(chance: random.Random) -> bytes:
    events = [_event(chance) for _ in range(chance.choice((1, 1, 1, 30)))]
    body: Any = events[0] if len(events) == 1 else events
    if chance.random() < 0.1:
        body = chance.choice(("text", 7, None, [7, "a", None, [[]]]))
    envelope: Any = {"body": base64.b64encode(json.dumps(body).encode()).decode(), "headers": {}}
    if chance.random() < 0.1:
        envelope = chance.choice((7, [], None, {"body": 7}, {"body": "%%%"}, {"body": "w" * 5}, {"Body": ""}))
    return json.dumps(envelope).encode()


def _event(chance: random.Random) -> dict[str, Any]:
    fields = ("type", "timestamp", "job_id", "progress", "attempt", "message", "hostname", "uuid")
    event = {name: chance.choice(NUMBERS) for name in fields if chance.random() < 0.7}
    if chance.random() < 0.8:
        event["type"] = chance.choice(KINDS)
    if chance.random() < 0.5:
        event["job_id"] = chance.choice((1, 2, 3, -1, 0, 2**63, "1", None))
    if type(event.get("progress")) is int and event["progress"] == 1:
        del event["progress"]
    return event
