"""Converts a column of a known type into a column of the index; `convert_text` infers the kind of text.

Integers become numbers if a value is missing or needs more than 64 bits. Infinite numbers are counted and become
missing. A column without any value is a number column.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from ml_training.selection.array_parts import parts
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.tabular.parse_times import to_micros

FREE_TEXT_DISTINCT = 1_000  # a column with more distinct texts, most of them unique, is a name or a comment
MOST_CATEGORIES = 1_000_000
LONGEST_CATEGORY = 1_024


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text of a column was read: what was decided, and how often each word meant a missing value."""

    decided: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


AS_IT_IS = Reading()


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A column, and the number of `infinite` values that became missing.

    The values of a text column are not kept: `text_nulls` and `text_distinct` count them.
    """

    column: IndexColumn
    infinite: int = 0
    text_nulls: int = 0
    text_distinct: int | None = None
    reading: Reading = AS_IT_IS


def from_typed(name: str, values: Any, *, keep: bool = False) -> Converted:
    """Convert a column of a known type (`parquet_file` lists them); raises pyarrow.ArrowInvalid on overflow."""
    kind = values.type
    if pt.is_null(kind):
        return no_values(name, len(values))
    if pt.is_boolean(kind):
        flags = values.cast(pa.int8()).fill_null(-1).to_numpy()
        return Converted(IndexColumn(name, ColumnKind.BOOLEAN, flags))
    if pt.is_date(kind) or pt.is_timestamp(kind):
        return Converted(IndexColumn(name, ColumnKind.TIME, to_micros(values)))
    if pt.is_integer(kind) and not values.null_count and _fits_int64(values):
        return Converted(IndexColumn(name, ColumnKind.INTEGER, values.cast(pa.int64()).to_numpy()))
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        numbers = _numbers(name, values.cast(pa.float64(), safe=False).to_numpy())
        return replace(numbers, reading=Reading({"integers": True})) if pt.is_integer(kind) else numbers
    return _categories(name, values, keep=keep)


def no_values(name: str, rows: int) -> Converted:
    """A column in which every value is missing."""
    return Converted(IndexColumn(name, ColumnKind.NUMBER, np.full(rows, np.nan)))


def _fits_int64(values: Any) -> bool:
    return bool(values.type != pa.uint64() or pc.max(values).as_py() < 2**63)


def _numbers(name: str, values: NDArray[np.float64]) -> Converted:
    infinite = np.isinf(values)
    if infinite.any():
        values = np.where(infinite, np.nan, values)
    return Converted(IndexColumn(name, ColumnKind.NUMBER, values), infinite=int(np.count_nonzero(infinite)))


def _categories(name: str, values: Any, *, keep: bool) -> Converted:
    encoded = _encoded(values)
    if encoded is None or len(encoded.dictionary) > MOST_CATEGORIES:
        return Converted(IndexColumn(name, ColumnKind.TEXT, None), text_nulls=values.null_count)
    return from_codes(name, pa.chunked_array([encoded]), keep=keep)


def from_codes(name: str, encoded: Any, *, keep: bool) -> Converted:
    """Convert dictionary-encoded text, whose parts have one dictionary; `keep`: as `convert_text.from_text`."""
    words = encoded.chunk(0).dictionary.to_pylist()
    codes, at = np.empty(len(encoded), dtype=np.int32), 0
    # The dictionary of a Parquet file may contain entries that no row uses, and the same text twice.
    used = np.zeros(len(words) + 1, dtype=np.bool_)
    for part in encoded.chunks:
        codes[at : at + len(part)] = part.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        used[codes[at : at + len(part)]] = True  # -1 marks the last entry, which is no word
        at += len(part)
    categories = sorted({word for word, occurs in zip(words, used[:-1], strict=True) if occurs and word is not None})
    present = len(codes) - sum(int(np.count_nonzero(part < 0)) for part in parts(codes))
    if _is_free_text(categories, present, keep=keep):
        free_text = IndexColumn(name, ColumnKind.TEXT, None)
        return Converted(free_text, text_nulls=len(codes) - present, text_distinct=len(categories))
    if not categories:
        return no_values(name, len(codes))
    position = {category: code for code, category in enumerate(categories)}
    table = np.array([*(position.get(word, -1) for word in words), -1], dtype=np.int32)
    for part in parts(codes):
        part[:] = table[part]
    return Converted(IndexColumn(name, ColumnKind.CATEGORY, codes, tuple(categories)))


def _encoded(values: Any) -> Any | None:
    """The values as one DictionaryArray; None if the distinct texts do not fit into one array."""
    try:
        dictionary = values if pt.is_dictionary(values.type) else values.dictionary_encode()
        whole = dictionary.combine_chunks()
    except pa.ArrowCapacityError:
        return None
    return whole if isinstance(whole, pa.DictionaryArray) else whole.chunk(0)


def _is_free_text(categories: list[str], present: int, *, keep: bool) -> bool:
    if any(len(category) > LONGEST_CATEGORY for category in categories):
        return True
    return not keep and len(categories) > max(FREE_TEXT_DISTINCT, present // 2)
