"""Strict JSON (RFC 8259): refuses what parsers read differently, and what could exhaust a parser."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ml_training.domain.errors import BadRequest

SURROGATE_OR_NUL = re.compile("[\ud800-\udfff\0]")
BRACKETS_ONLY = bytes(ord("[") if c in b"[{" else ord("]") if c in b"]}" else c for c in range(256))
NOT_BRACKETS = bytes(c for c in range(256) if c not in b"[]{}")
LONG_INTEGER = re.compile(rb"[0-9]{19}")
EXPONENT = re.compile(rb"[0-9][eE]")
INTEGER_RANGE = range(-(2**63), 2**63)


def parse(data: bytes, *, max_depth: int) -> object:
    """The value in `data`, UTF-8 only; raises BadRequest for all else.

    Refused: more than `max_depth` levels, duplicate keys, NaN and Infinity (also as 1e999), integers beyond 64 bits,
    lone surrogates, and NUL characters, which PostgreSQL cannot store.
    """
    text = _decode(data)
    bare = _without_strings(data)
    if _is_deeper(bare, max_depth):
        raise BadRequest(f"the JSON is nested deeper than {max_depth} levels")
    # A function of Python for each number takes most of the time, and few bodies have a number that could not fit.
    has_long = LONG_INTEGER.search(bare) is not None
    has_large = has_long or ((b"e" in bare or b"E" in bare) and EXPONENT.search(bare) is not None)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float if has_large else None,
            parse_int=_integer if has_long else None,
        )
    except json.JSONDecodeError as error:
        raise BadRequest(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    # The decoders above refuse a raw NUL or surrogate: only an escape can still contain one.
    if b"\\u" in data and any(SURROGATE_OR_NUL.search(part) for part in _texts(value)):
        raise BadRequest("a string holds a NUL character or half of a surrogate pair: remove it")
    return value


def _decode(data: bytes) -> str:
    if not data.strip():
        raise BadRequest("the body is empty: send JSON")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"not UTF-8: byte {error.start} cannot be decoded") from None


def _without_strings(data: bytes) -> bytes:
    """The text without what is in quotes; of text that is not JSON, any part of it."""
    if b"\\" in data:
        data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    return b" ".join(data.split(b'"')[::2])


def _is_deeper(bare: bytes, max_depth: int) -> bool:
    """Whether the parser would have to recurse deeper than `max_depth`; checked before it runs, without recursion.

    The answer may be wrong for text that is not JSON, but the parser never recurses far beyond `max_depth`.
    """
    brackets = bare.translate(BRACKETS_ONLY, NOT_BRACKETS)
    if brackets.count(b"[") <= max_depth:
        return False
    for _ in range(max_depth):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level
        if not brackets:
            return False
        if len(brackets) == before:
            break
    return b"[]" in brackets or brackets.count(b"[") > max_depth


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadRequest(f"the key {_shown(twice)} stands twice in one object: keep one")
    return value


def _constant(name: str) -> object:
    raise BadRequest(f"{name} is not JSON: use null or a finite number")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadRequest(f"the number {_shown(digits)} is too large: use a finite number")
    return value


def _integer(digits: str) -> int:
    # The length first: converting thousands of digits takes quadratic time.
    value = int(digits) if len(digits) <= 20 else None
    if value is None or value not in INTEGER_RANGE:
        raise BadRequest(f"the integer {_shown(digits)} is beyond 64 bits")
    return value


def _shown(text: str) -> str:
    # ascii(), so that the message is printable whatever the key contains.
    return ascii(text if len(text) <= 40 else text[:40] + "...")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
