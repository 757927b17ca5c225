"""Draws bodies that nobody writes by mistake: wrong types anywhere, rubbish, what is hardly JSON, very long lists."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from tests.property.valid_specs import Body

JSON_HEADERS = {"Content-Type": "application/json"}
NASTY = "'; DROP TABLE jobs; --"
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.5,
    -1e308,
    1e308,
    5e-324,
    "",
    " ",
    "NaN",
    "Infinity",
    "null",
    "0",
    "1e999",
    [],
    {},
    [[]],
    [None],
    {"": None},
    NASTY,
    "../../etc/passwd",
    "\u202egnirts",
    "🧨" * 60,
    "\ufeff",
    "\x7f",
    "ß" * 300,
    "A" * 20_000,
    [1] * 3_000,
    ["a"] * 3_000,
    {"__proto__": {"x": 1}},
    {"column": {}},
    {"method": {}},
    [{"a": [{"b": [{}]}]}],
    "2024-01-01T00:00:00Z",
    "9" * 400,
]
RAW = [
    b"",
    b" ",
    b"{",
    b"[",
    b"nonsense",
    b"{}",
    b"[]",
    b"null",
    b"1",
    b'"TRAIN"',
    b'{"job_type": NaN}',
    b"\xef\xbb\xbf{}",
    b'{"job_type": "TRAIN", "job_type": "TEST"}',
    b'{"job_type": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"a": "\\u0000"}',
    b'{"job_type": Infinity}',
    b'{"dataset_id": 1e999}',
    b'{"dataset_id": 99999999999999999999}',
    b"{'a': 1}",
    b'{"job_type": "TRAIN"} {}',
    "{}".encode("utf-16"),
    b'{"a": "\xff"}',
    b'{"a":' + b"[" * 21 + b"]" * 21 + b"}",
    b'{"job_type": "TRAIN", "params": ' + b'{"a":' * 18 + b"1" + b"}" * 18 + b"}",
    b"[" * 100_000,
    b"-",
    b"01",
    b'{"dataset_id": ' + b"9" * 5_000 + b"}",
    b'{"a": "' + b"x" * (1 << 20) + b'"}',
    b'{"job_type": "TRAIN",}',
]


def hostile(rng: random.Random, good: Body) -> tuple[bytes, dict[str, str]]:
    """A body and its headers."""
    kind = rng.random()
    if kind < 0.6:
        return _json(_mangled(rng, good)), JSON_HEADERS
    if kind < 0.7:
        return rng.choice(RAW), JSON_HEADERS
    if kind < 0.8:
        return _damaged(rng, _json(good)), JSON_HEADERS
    if kind < 0.85:
        return _json(good), rng.choice(
            [
                {},
                {"Content-Type": "text/plain"},
                {"Content-Type": "application/json; charset=latin-1"},
                {**JSON_HEADERS, "Content-Encoding": "gzip"},
            ]
        )
    if kind < 0.9:
        return _json([good, good] if rng.random() < 0.5 else {"jobs": [good]}), JSON_HEADERS
    return _json(_overlong(rng, good)), JSON_HEADERS


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _mangled(rng: random.Random, good: Body) -> Body:
    """One to three values, anywhere in it, are replaced by what does not belong there; names too."""
    body = deepcopy(good)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(_places(body)))
        if isinstance(holder, dict) and rng.random() < 0.15:
            holder[rng.choice(["", "x" * 300, "a/b", "~", "🙂", "target", NASTY])] = holder.pop(key)
        else:
            holder[key] = deepcopy(rng.choice(VALUES))
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of everything inside."""
    keys = list(value) if isinstance(value, dict) else range(min(len(value), 20)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _damaged(rng: random.Random, data: bytes) -> bytes:
    at, size = rng.randrange(len(data)), rng.randint(1, 6)
    return data[:at] + rng.randbytes(rng.randint(0, 4)) + data[at + size * rng.randint(0, 1) :]


def _overlong(rng: random.Random, good: Body) -> Body:
    """Lists and objects that fill the largest body that is read."""
    many = rng.choice([2_000, 20_000, 60_000])
    name = rng.choice(["features", "exclude_features", "phases", "params", "model_ids", "windows", "unknown"])
    if name == "params":
        return {**good, "params": {f"p{number}": 1 for number in range(many)}}
    if name == "unknown":
        return {**good, **{f"u{number}": 1 for number in range(many)}}
    if name == "windows":
        return {**good, "feature_engineering": {"windows": list(range(2, many))}}
    words: list[Any] = list(range(many)) if name == "model_ids" else [f"c{number}" for number in range(many)]
    if rng.random() < 0.5:
        words = [rng.choice([1, "a", "target"])] * many
    return {**good, name: words}
