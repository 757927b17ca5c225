"""Converts a column of a CSV file into a column of the index: infers its kind, then fills its values part by part.

A column gets the first kind that fits all its values, in this order: integer, number, boolean (true or false), time,
category. Spaces around a value are ignored, and the words in `NO_VALUE` are missing values.

Example: `1, 2, 3` is an integer column, `1, , 3` and `1, 2.5` are number columns, `1, two` is a category column.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml_training.selection.array_parts import parts
from ml_training.selection.index import DTYPES, ColumnKind, IndexColumn
from ml_training.tabular.convert import MOST_CATEGORIES, Converted, from_codes, no_values
from ml_training.tabular.parse_times import time_parser
from ml_training.tabular.text_column import TextColumn

UNIFIED_WORDS = 200_000  # of the parts' own dictionaries: with more, the parts get one that they share


def from_text(text: TextColumn, *, keep: bool = False) -> Converted:
    """Infer the kind of a column and convert it; `keep`: keep categories that look like free text."""
    first = text.first_value()
    if first is None:
        return no_values(text.name, len(text))
    for convert in (_integers, _numbers, _booleans):
        try:
            return convert(text)
        except pa.ArrowInvalid:
            continue
    return times_from_text(text, first) or _categories(text, keep=keep)


def times_from_text(text: TextColumn, first: str) -> Converted | None:
    """The column as times; None if one of its values is not a time. `first`: its first value."""
    parser = time_parser(first)
    if parser is None:
        return None
    try:
        return Converted(IndexColumn(text.name, ColumnKind.TIME, _filled(text, ColumnKind.TIME, parser)))
    except pa.ArrowInvalid:
        return None


def _filled(text: TextColumn, kind: ColumnKind, convert: Callable[[Any], NDArray[Any]]) -> NDArray[Any]:
    """The values of all parts in one array; raises what `convert` raises."""
    values, at = np.empty(len(text), dtype=DTYPES[kind]), 0
    for part in text.parts(convert):
        values[at : at + len(part)] = part
        at += len(part)
    return values


def _integers(text: TextColumn) -> Converted:
    """Integers, or numbers when one of them is missing."""
    missing: list[tuple[int, NDArray[np.uint8]]] = []  # the rows of a part, and a bit for each of them

    def convert(part: Any) -> Any:
        whole = part.cast(pa.int64())
        return whole.fill_null(0).to_numpy(zero_copy_only=False), whole.is_null().to_numpy(zero_copy_only=False)

    values, at = np.empty(len(text), dtype=np.int64), 0
    for part, nulls in text.parts(convert):
        values[at : at + len(part)] = part
        at += len(part)
        missing.append((len(part), np.packbits(nulls)))
    if not any(bits.any() for _, bits in missing):
        return Converted(IndexColumn(text.name, ColumnKind.INTEGER, values))
    numbers = values.view(np.float64)  # in the same memory
    for whole, number in zip(parts(values), parts(numbers), strict=True):
        number[:] = whole.astype(np.float64)
    at = 0
    for count, bits in missing:
        numbers[at : at + count][np.unpackbits(bits, count=count).astype(np.bool_)] = np.nan
        at += count
    return Converted(IndexColumn(text.name, ColumnKind.NUMBER, numbers))


def _numbers(text: TextColumn) -> Converted:
    infinite = 0
    values, at = np.empty(len(text), dtype=np.float64), 0
    for part in text.parts(lambda part: part.cast(pa.float64()).to_numpy(zero_copy_only=False)):
        these = values[at : at + len(part)]
        these[:] = part
        at += len(part)
        beyond = np.isinf(these)
        these[beyond] = np.nan
        infinite += int(np.count_nonzero(beyond))
    return Converted(IndexColumn(text.name, ColumnKind.NUMBER, values), infinite=infinite)


def _booleans(text: TextColumn) -> Converted:
    def convert(part: Any) -> Any:
        return part.cast(pa.bool_()).cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False)

    return Converted(IndexColumn(text.name, ColumnKind.BOOLEAN, _filled(text, ColumnKind.BOOLEAN, convert)))


def _categories(text: TextColumn, *, keep: bool) -> Converted:
    encoded: list[Any] | None = []  # None: it has too many distinct texts, and only missing values are still counted
    words, most, nulls = 0, UNIFIED_WORDS, 0
    for part in text.parts(lambda part: part.dictionary_encode()):
        nulls += part.null_count
        if encoded is None:
            continue
        encoded.append(part)
        words += len(part.dictionary)
        if words > most:
            encoded = _unified(encoded)
            words = 0 if encoded is None else len(encoded[0].dictionary)
            most = 2 * words + UNIFIED_WORDS
    encoded = None if encoded is None else _unified(encoded)
    if encoded is None:
        return Converted(IndexColumn(text.name, ColumnKind.TEXT, None), text_nulls=nulls)
    return from_codes(text.name, pa.chunked_array(encoded), keep=keep)


def _unified(encoded: list[Any]) -> list[Any] | None:
    """The parts with one dictionary; None if there are too many distinct texts, or they do not fit into one array."""
    try:
        unified: list[Any] = pa.chunked_array(encoded).unify_dictionaries().chunks
    except pa.ArrowCapacityError:
        return None
    return unified if len(unified[0].dictionary) <= MOST_CATEGORIES else None
