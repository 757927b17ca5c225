"""Makes broken requests from whole ones; equal seeds give equal requests."""

import random
from collections.abc import Callable, Sequence

TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b" ",
    b"\t",
    b":",
    b"//",
    b"%2f",
    b"%00",
    b"%",
    b"..",
    b"?",
    b"&limit=-1",
    b"9" * 30,
    b"-1",
    b"1e999",
    b"NaN",
    b'"',
    b"\\ud800",
    b"[" * 50,
    b"{",
    b"}",
    b'"a":1,',
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: x\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Type: text/plain\r\n",
    b"Content-Type: multipart/form-data\r\n",
    b"Host: evil.example\r\n",
    b"Origin: null\r\n",
    b"Range: bytes=0-1,5-\r\n",
    b"If-None-Match: W/*\r\n",
    b"If-Modified-Since: x\r\n",
    b"Cookie: a=b\r\n",
    b"X-Forwarded-Proto: https\r\n",
    b"Accept-Encoding: gzip;q=x, *\r\n",
    b" folded\r\n",
    b"zz\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"5;a=b\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"http://evil.example/",
    "é\u202e\U0001f600".encode(),
)
METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"")
LARGEST = 60_000  # bytes of a mutated request


def mutated(seeds: Sequence[bytes], *, count: int, seed: int) -> list[bytes]:
    """`count` broken requests, each made by one to four changes of a whole one."""
    chance = random.Random(seed)
    return [_mutate(chance, seeds) for _ in range(count)]


def _mutate(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    data = chance.choice(seeds)
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(CHANGES)(chance, data, seeds)
    return data[:LARGEST]


def _place(chance: random.Random, data: bytes) -> int:
    """Any place, often the start of a line: there a change has a meaning."""
    if chance.random() < 0.5:
        return chance.randint(0, len(data))
    starts = [0, *(place + 1 for place, byte in enumerate(data[:4_000]) if byte == ord("\n"))]
    return chance.choice(starts)


def _flip(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"x")
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _insert(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    place = _place(chance, data)
    return data[:place] + chance.choice(TOKENS) * chance.choice((1, 1, 1, 2, 100)) + data[place:]


def _delete(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    place = _place(chance, data)
    return data[:place] + data[place + chance.randint(1, 30) :]


def _repeat(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    place = _place(chance, data)
    piece = data[place : place + chance.randint(1, 60)]
    return data[:place] + piece * chance.choice((1, 2, 70)) + data[place:]


def _cut(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))]


def _splice(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data[: _place(chance, data)] + chance.choice(seeds)[_place(chance, data) :]


def _pipeline(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data + chance.choice(seeds)


def _other_method(chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return chance.choice(METHODS) + data[data.find(b" ") :]


def _line_feeds_only(_chance: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return data.replace(b"\r\n", b"\n")


CHANGES: tuple[Callable[[random.Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip,
    _flip,
    _insert,
    _insert,
    _insert,
    _delete,
    _repeat,
    _cut,
    _splice,
    _pipeline,
    _other_method,
    _line_feeds_only,
)
