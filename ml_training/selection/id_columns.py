"""Finds the columns that name or number the rows of a data set: a model would learn the order of the file, or nothing.

Few false alarms are worth more than finding every one, so a column of measurements that are all distinct is none.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import NUMERIC, ColumnInfo, ColumnKind, SelectionIndex, is_missing

LEAST_ROWS = 20  # with fewer, distinct numbers are no surprise
FIRST_ROWS = 100  # enough to see that most columns are none
DISTINCT_SHARE = 0.9  # of the values of a column with the name of an id
WORDS = frozenset({"id", "ids", "uuid", "guid", "idx", "nr", "no", "num", "number", "rownames", "rowid", "rownum"})
WHOLE_NAMES = frozenset({"index", "row", "key", "unnamed"})  # part of too many other names: price_index, monkey
TIMES = frozenset(
    {"year", "month", "week", "day", "date", "time", "hour", "minute", "second", "period", "quarter", "t"}
)
NAME_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def id_columns(index: SelectionIndex) -> dict[str, str]:
    """The usable columns that look like ids or row numbers, by name, and what each one holds; reads each at most once.

    * integers that are the numbers of all rows, in any order, unless the name is one of a time, such as `year`;
    * a category column whose every value is distinct;
    * whole numbers or categories of which nine in ten are distinct, under a name such as `customer_id` or `EmployeeNo`.
    """
    return dict(_found(index)) if index.rows >= LEAST_ROWS else {}


def has_id_name(name: str) -> bool:
    """Whether the last word of the name says that the column names or numbers things."""
    words = [word.lower() for word in NAME_PARTS.findall(name)]
    return bool(words) and (words[-1] in WORDS or (len(words) == 1 and words[0] in WHOLE_NAMES))


def _found(index: SelectionIndex) -> Iterator[tuple[str, str]]:
    for info in index.columns.values():
        if info.kind is ColumnKind.CATEGORY and info.varies:
            if reason := _category_reason(info, index.rows):
                yield info.name, reason
        elif info.kind in NUMERIC and info.varies and (reason := _number_reason(index, info)):
            yield info.name, reason


def _category_reason(info: ColumnInfo, rows: int) -> str:
    present = rows - info.nulls
    if present < LEAST_ROWS:
        return ""
    if info.categories_count == present:
        return "another value in each row"
    is_id = has_id_name(info.name) and info.categories_count >= DISTINCT_SHARE * present
    return "ids" if is_id else ""


def _number_reason(index: SelectionIndex, info: ColumnInfo) -> str:
    may_be_number = info.kind is ColumnKind.INTEGER and not TIMES.intersection(_words(info.name))
    may_be_id = has_id_name(info.name)
    if not (may_be_number or may_be_id) or not _all_whole_and_distinct(index, info, slice(0, FIRST_ROWS)):
        return ""
    values = index.stored(info.name)
    if may_be_number and _are_row_numbers(values):
        return "row numbers"
    return "ids" if may_be_id and _all_whole_and_distinct(index, info, slice(None)) else ""


def _words(name: str) -> set[str]:
    return {word.lower() for word in NAME_PARTS.findall(name)}


def _are_row_numbers(values: NDArray[Any]) -> bool:
    """Whether the integers are n consecutive ones, each once."""
    low, high = int(values.min()), int(values.max())
    if high - low != len(values) - 1:
        return False
    seen = np.zeros(len(values), dtype=np.bool_)
    seen[values.astype(np.int64) - low] = True
    return bool(seen.all())


def _all_whole_and_distinct(index: SelectionIndex, info: ColumnInfo, rows: slice) -> bool:
    """Whether the values that are there are whole numbers, and at least DISTINCT_SHARE of them are distinct."""
    values = index.values(info.name, rows)
    present = values[~is_missing(values, info.kind)] if info.nulls else values
    if len(present) < min(LEAST_ROWS, len(values)):
        return False
    if info.kind is ColumnKind.NUMBER and (present != np.rint(present)).any():
        return False
    return len(np.unique(present)) >= DISTINCT_SHARE * len(present)
