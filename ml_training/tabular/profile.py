"""Builds the profile of a data set: what a user wants to know about the columns before training, as JSON values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.array_parts import present_parts
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex, is_missing
from ml_training.selection.preview import rfc3339
from ml_training.tabular.convert import Converted
from ml_training.tabular.histogram import spread

DISTINCT_CAP = 10_000  # beyond it `distinct` is null
BUCKETS = 100


def column_profile(converted: Converted) -> dict[str, Any]:
    """name, kind, nulls, distinct, min and max of the present values, and how they are spread; `infinite` if infinite
    numbers became missing."""
    column = converted.column
    profile: dict[str, Any] = {"name": column.name, "kind": column.kind.value}
    if column.values is None:
        profile |= {"nulls": converted.text_nulls, "distinct": converted.text_distinct, "min": None, "max": None}
    else:
        ranges = [(len(part), part.min(), part.max()) for part in present_parts(column.values, column.kind)]
        low = min((low for _, low, _ in ranges), default=None)
        high = max((high for _, _, high in ranges), default=None)
        profile |= {
            "nulls": len(column.values) - sum(count for count, _, _ in ranges),
            "distinct": len(column.categories) if column.categories else _distinct(column.values, column.kind),
            "min": _json_value(column, low),
            "max": _json_value(column, high),
            **spread(column, low, high),
        }
    return profile | ({"infinite": converted.infinite} if converted.infinite else {})


def table_profile(index: SelectionIndex, columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The profile of the data set; the parts about time and phases are None if it has no such column."""
    return {"rows": index.rows, "columns": list(columns), **_over_time(index), "rows_per_phase": _per_phase(index)}


def _distinct(values: NDArray[Any], kind: ColumnKind) -> int | None:
    found = values[:0]
    # For most columns of measurements the first rows are enough, and not all rows need to be sorted.
    for some in (values[: 2 * DISTINCT_CAP], values):
        for present in present_parts(some, kind):
            found = np.union1d(found, present)
            if len(found) > DISTINCT_CAP:
                return None
    return len(found)


def _json_value(column: IndexColumn, value: Any) -> Any:
    if value is None:
        return None
    if column.kind is ColumnKind.CATEGORY:
        return column.categories[value]
    if column.kind is ColumnKind.TIME:
        return rfc3339(int(value))
    return bool(value) if column.kind is ColumnKind.BOOLEAN else value.item()


def _over_time(index: SelectionIndex) -> dict[str, Any]:
    """`time_range`, and `rows_over_time`: at most BUCKETS spans of equal length that start at the first time."""
    if index.time_column is None:
        return {"time_range": None, "rows_over_time": None}
    times = index.values(index.time_column)
    times = times[~is_missing(times, ColumnKind.TIME)]
    first, last = int(times.min()), int(times.max())
    width = -(-(last - first + 1) // BUCKETS)
    counts = np.bincount((times - first) // width).tolist()
    starts = [first + number * width for number in range(len(counts))]
    buckets = [{"start": rfc3339(start), "rows": count} for start, count in zip(starts, counts, strict=True)]
    return {"time_range": {"start": rfc3339(first), "end": rfc3339(last)}, "rows_over_time": buckets}


def _per_phase(index: SelectionIndex) -> list[dict[str, Any]] | None:
    if index.phase_column is None:
        return None
    values, kind = index.values(index.phase_column), index.kind(index.phase_column)
    phases, counts = np.unique(values[~is_missing(values, kind)], return_counts=True)
    names: list[Any] = [int(phase) for phase in phases]
    if kind is ColumnKind.CATEGORY:
        categories = index.categories(index.phase_column)
        names = [categories[code] for code in phases]
    return [{"phase": name, "rows": int(count)} for name, count in zip(names, counts, strict=True)]
