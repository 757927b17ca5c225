"""Reads JSON lines as the text of a CSV file, so that all text files pass through one parser.

Each line is an object of numbers, strings, booleans and null; a key that a line lacks is a missing value. The columns
come in the order in which their keys occur first. A number keeps the text that it has in the file.
"""

import csv
import io
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_columns

LINES_AT_A_TIME = 2_000
Pieces = Iterator[bytes]


class JsonNumber(str):
    """The text of a number in the file; a string in the file is a str."""

    __slots__ = ()


def looks_like_json_lines(head: bytes) -> bool:
    """Whether the first line of a file is a JSON object."""
    line = head.lstrip().split(b"\n", 1)[0]
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def json_columns(pieces: Pieces, *, limits: Limits) -> list[str]:
    """The keys of all lines, in the order of their first occurrence; reads the whole file."""
    names: dict[str, None] = {}
    for _, item in _objects(pieces):
        if not item.keys() <= names.keys():
            names.update(dict.fromkeys(item))
            check_columns(len(names), limits=limits)
    if not names:
        raise Rejected(reason("the file has no rows"))
    return list(names)


def as_csv(pieces: Pieces, names: list[str], numbers: set[int]) -> Iterator[bytes]:
    """The lines as CSV without a header; `names` are all keys that occur.

    `numbers` gets the positions of the columns in which a fraction is written as a number, not as a string.
    """
    places = {name: at for at, name in enumerate(names)}
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for number, item in _objects(pieces):
        row: list[str] = [""] * len(names)
        for name, value in item.items():
            at = places[name]
            row[at] = _cell(value, number, name)
            if value.__class__ is JsonNumber and "." in value:
                numbers.add(at)
        writer.writerow(row)
        if number % LINES_AT_A_TIME == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Rejected(reason("a string contains half of a surrogate pair (\\ud800 to \\udfff): remove it")) from None


def _cell(value: Any, row: int, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if "\0" in value:
            raise Rejected(reason("the string contains a NUL character: remove it", row=row, column=name))
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    what = "list" if isinstance(value, list) else "object"
    raise Rejected(reason(f"the value is a {what}: make a column of each of its parts", row=row, column=name))


def _objects(pieces: Pieces) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of the line, object) of each line that is not blank; lines are numbered without the blank ones."""
    decoder = json.JSONDecoder(
        parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=JsonNumber, object_pairs_hook=_object
    )
    number = 0
    for line in _lines(pieces):
        text = line.strip()
        if not text:
            continue
        number += 1
        try:
            item = decoder.decode(text.decode())
        except (ValueError, RecursionError) as error:
            detail = f"the line is not a JSON object ({str(error)[:80]}): write one object a line"
            raise Rejected(reason(detail, row=number)) from None
        if not isinstance(item, dict):
            raise Rejected(reason("the line is not a JSON object: write one object a line", row=number))
        yield number, item


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) != len(pairs):
        raise ValueError("a key occurs twice")
    return item


def _lines(pieces: Pieces) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        if len(rest) > 64 << 20:
            raise Rejected(reason("a line is longer than 64 MiB: write one object a line"))
        yield from lines
    yield from chain([rest] if rest else [])
