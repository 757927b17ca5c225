"""Converts an Arrow column into a column of the index: infers its kind and converts its values.

A column of a CSV file gets the first kind that fits all its values, in this order: integer, number, boolean (true or
false), time, category. Spaces around a value are ignored, and the words in `NO_VALUE` are missing values. A Parquet
file states its types. Integers become numbers if a value is missing or needs more than 64 bits. Infinite numbers are
counted and become missing. A column without any value is a number column.

Example: `1, 2, 3` is an integer column, `1, , 3` and `1, 2.5` are number columns, `1, two` is a category column.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.tabular.parse_times import parse_times, to_micros

NO_VALUE = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "none")
FREE_TEXT_DISTINCT = 1_000  # a column with more distinct texts, most of them unique, is a name or a comment
MOST_CATEGORIES = 1_000_000
LONGEST_CATEGORY = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A column, and the number of `infinite` values that became missing.

    The values of a text column are not kept: `text_nulls` and `text_distinct` count them.
    """

    column: IndexColumn
    infinite: int = 0
    text_nulls: int = 0
    text_distinct: int | None = None


def clean(text: Any) -> Any:
    """The text without surrounding spaces, with null for each word in NO_VALUE."""
    trimmed = pc.ascii_trim_whitespace(text)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(NO_VALUE)), pa.scalar(None, pa.string()), trimmed)


def from_text(name: str, text: Any, *, keep: bool = False) -> Converted:
    """Infer the kind of a cleaned CSV column and convert it; `keep`: keep categories that look like free text."""
    if text.null_count == len(text):
        return no_values(name, len(text))
    for target in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return from_typed(name, text.cast(target))
        except pa.ArrowInvalid:
            continue
    times = parse_times(text)
    return from_typed(name, text if times is None else times, keep=keep)


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
        return _numbers(name, values.cast(pa.float64(), safe=False).to_numpy())
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
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    words = encoded.dictionary.to_pylist()
    # The dictionary of a Parquet file may contain entries that no row uses, and the same text twice.
    used = np.bincount(codes + 1, minlength=len(words) + 1)[1:] > 0
    categories = sorted({word for word, occurs in zip(words, used, strict=True) if occurs and word is not None})
    present = len(codes) - int(np.count_nonzero(codes < 0))
    if _is_free_text(categories, present, keep=keep):
        free_text = IndexColumn(name, ColumnKind.TEXT, None)
        return Converted(free_text, text_nulls=len(codes) - present, text_distinct=len(categories))
    if not categories:
        return no_values(name, len(codes))
    position = {category: code for code, category in enumerate(categories)}
    table = np.array([*(position.get(word, -1) for word in words), -1], dtype=np.int32)
    return Converted(IndexColumn(name, ColumnKind.CATEGORY, table[codes], tuple(categories)))


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
