"""How the values of a column are spread: a histogram of numbers and times, the most frequent values of the others.

From all values, in one pass over parts of the column, so that memory does not grow with the number of rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.array_parts import present_parts
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.selection.preview import rfc3339

BINS = 20
MOST_VALUES = 20
LONGEST_VALUE = 200  # characters of a frequent value that is shown

HISTOGRAMS = frozenset({ColumnKind.NUMBER, ColumnKind.INTEGER, ColumnKind.TIME})


def spread(column: IndexColumn, low: Any, high: Any) -> dict[str, Any]:
    """`histogram` of a column of numbers or times, `most_frequent` of one of categories or booleans.

    histogram: {"edges", "counts"} of at most BINS bins of equal width between `low` and `high`, the smallest and the
    largest present value. A bin holds the values from its edge up to the next edge, the last bin those at its end too.
    most_frequent: at most MOST_VALUES of {"value", "rows"}, of equal numbers the first value in sorted order; a long
    value is cut, and ends in an ellipsis. Nothing for a column without any value.
    """
    if column.values is None or low is None:
        return {}
    if column.kind not in HISTOGRAMS:
        return {"most_frequent": _most_frequent(column, column.values)}
    edges = _number_edges(float(low), float(high)) if column.kind is ColumnKind.NUMBER else _whole_edges(low, high)
    inner = np.array(edges[1:-1], dtype=column.values.dtype if column.kind is not ColumnKind.NUMBER else np.float64)
    from_edge = np.zeros(len(edges), dtype=np.int64)  # how many values are not below each edge; none is beyond the last
    for part in present_parts(column.values, column.kind):  # a fifth of the time of a binary search for each value
        from_edge[0] += len(part)
        for number, edge in enumerate(inner, start=1):
            from_edge[number] += np.count_nonzero(part >= edge)
    counts = -np.diff(from_edge)
    if column.kind is ColumnKind.TIME:  # the end of the last bin may be no time that can be written
        return {
            "histogram": {"edges": [rfc3339(min(int(edge), int(high))) for edge in edges], "counts": counts.tolist()}
        }
    return {"histogram": {"edges": edges, "counts": counts.tolist()}}


def _number_edges(low: float, high: float) -> list[float]:
    if low == high:
        return [low, high]
    # Not low + step * k: the difference of two numbers can be infinite.
    shares = np.arange(BINS + 1) / BINS
    edges = low * (1 - shares) + high * shares
    edges[0], edges[-1] = low, high
    found: list[float] = np.maximum.accumulate(np.clip(edges, low, high)).tolist()
    return found


def _whole_edges(low: Any, high: Any) -> list[int]:
    """Bins of a whole number of units: fewer than BINS when there are fewer units."""
    first, last = int(low), int(high)
    width = -(-(last - first + 1) // BINS)
    count = -(-(last - first + 1) // width)
    return [first + number * width for number in range(count + 1)]


def _most_frequent(column: IndexColumn, values: NDArray[Any]) -> list[dict[str, Any]]:
    names: Sequence[Any] = column.categories if column.kind is ColumnKind.CATEGORY else (False, True)
    counts = np.zeros(len(names), dtype=np.int64)
    for part in present_parts(values, column.kind):
        counts += np.bincount(part, minlength=len(names))
    first = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    return [{"value": _shown(names[code]), "rows": int(counts[code])} for code in first if counts[code]]


def _shown(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return value[:LONGEST_VALUE] + "…"
    return value
