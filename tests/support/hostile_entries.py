"""What a hostile client may store in Redis: entries of the permits' list, and keys of the wrong type."""

import json
from collections.abc import Callable
from typing import Any

from redis import Redis

from ml_training.domain.queue_names import QUEUE
from ml_training.queue.celery_message import permit_message

WRONG = {"null": None, "number": 1, "text": "x", "list": [1], "object": {"a": 1}, "true": True}
HEADERS = ("lang", "task", "id", "root_id", "parent_id", "group", "eta", "expires", "retries", "timelimit", "argsrepr")
PROPERTIES = ("correlation_id", "reply_to", "delivery_mode", "delivery_info", "priority", "body_encoding")
TOP = ("body", "content-encoding", "content-type", "headers", "properties")


def changed(part: str | None, **values: Any) -> bytes:
    """A permit with other values on top or in a part of it."""
    message = json.loads(permit_message())
    (message if part is None else message[part]).update(values)
    return json.dumps(message).encode()


def without(part: str | None, key: str) -> bytes:
    """A permit that lacks a key."""
    message = json.loads(permit_message())
    del (message if part is None else message[part])[key]
    return json.dumps(message).encode()


def entries() -> dict[str, bytes]:
    """Entries by name; those in which nothing asks for the task are no permits at all."""
    found = {
        "empty": b"",
        "word": b"hello",
        "number": b"1",
        "null": b"null",
        "list": b"[]",
        "object": b"{}",
        "text": b'"x"',
        "binary": bytes(range(256)),
        "pickle": b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
        "deep": b"[" * 4_000,
        "very deep": b"[" * 200_000,
        "cut": permit_message().encode()[:200],
        "lone surrogate": b'{"headers": {"task": "\\ud800"}}',
        "byte order mark": b"\xef\xbb\xbf" + permit_message().encode(),
        "UTF-16": permit_message().encode("utf-16"),
        "not a number": b'{"headers": NaN}',
        "1 MB": b"x" * 1_000_000,
        "application/data": changed(None, **{"content-type": "application/data"}),
        "application/x-python-serialize": changed(None, **{"content-type": "application/x-python-serialize"}),
        "body of no base64": changed(None, body="%%%"),
        "body of no JSON": changed(None, body="eA=="),
        "another task": changed("headers", task="celery.chord"),
        "timelimit of text": changed("headers", timelimit="x"),
        "id of a list": changed("headers", id=[1]),
        "eta in a thousand years": changed("headers", eta="3000-01-01T00:00:00"),
        "expired": changed("headers", expires="2000-01-01T00:00:00"),
        "a million retries": changed("headers", retries=10**6),
    }
    for kind, value in WRONG.items():
        found |= {f"headers.{name}: {kind}": changed("headers", **{name: value}) for name in HEADERS}
        found |= {f"properties.{name}: {kind}": changed("properties", **{name: value}) for name in PROPERTIES}
        found |= {f"{name}: {kind}": changed(None, **{name: value}) for name in TOP}
    found |= {f"no {name}": without(None, name) for name in TOP}
    found |= {f"no properties.{name}": without("properties", name) for name in (*PROPERTIES, "delivery_tag")}
    return found


def wrong_types() -> dict[str, Callable[[Redis, str], object]]:
    """Ways to store a value of each type under a key."""
    return {
        "string": lambda client, key: client.set(key, "x"),
        "list": lambda client, key: client.rpush(key, "x"),
        "hash": lambda client, key: client.hset(key, "field", "x"),
        "set": lambda client, key: client.sadd(key, "x"),
        "sorted set": lambda client, key: client.zadd(key, {"x": 1.0}),
        "stream": lambda client, key: client.xadd(key, {"field": "x"}),
    }


# kombu's own keys, which the service does not use, and the list of the permits.
KEYS = (
    QUEUE,
    "unacked",
    "unacked_index",
    "unacked_mutex",
    f"_kombu.binding.{QUEUE}",
    "_kombu.binding.celeryev",
    f"_kombu.binding_permanent.{QUEUE}",
)
