"""The spread of a column counts every value once, whatever the values are."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml_training.selection import array_parts
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.tabular.histogram import BINS, MOST_VALUES, spread

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)


def of(values: Any, kind: ColumnKind, categories: tuple[str, ...] = ()) -> dict[str, Any]:
    """The spread of a column without missing values."""
    return spread(IndexColumn("a", kind, values, categories), values.min(), values.max())


def check(values: Any, edges: list[Any], counts: list[int]) -> None:
    """Each bin has the values from its edge up to the next one."""
    assert len(counts) == len(edges) - 1 <= BINS
    assert edges == sorted(edges)
    assert sum(counts) == len(values)
    for number, count in enumerate(counts):
        is_last = number == len(counts) - 1
        inside = [v for v in values if edges[number] <= v and (v < edges[number + 1] or is_last)]
        assert count == len(inside), (number, edges)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(1, 40), elements=FINITE))
def test_numbers_of_any_size(values: Any) -> None:
    found = of(values, ColumnKind.NUMBER)["histogram"]
    check(values.tolist(), found["edges"], found["counts"])


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, st.integers(1, 40), elements=WHOLE))
def test_whole_numbers_of_any_size(values: Any) -> None:
    found = of(values, ColumnKind.INTEGER)["histogram"]
    check(values.tolist(), found["edges"], found["counts"])


@pytest.mark.parametrize("span", [0, 1, 19, 20, 86_400_000_000 * 365 * 9_998])
def test_times_from_one_moment_to_the_whole_calendar(span: int) -> None:
    first = -62_135_596_800_000_000  # the year 1, in microseconds
    times = np.array([first, first + span // 2, first + span], dtype=np.int64)
    found = of(times, ColumnKind.TIME)["histogram"]
    assert sum(found["counts"]) == 3
    edges = [datetime.fromisoformat(edge) for edge in found["edges"]]
    assert edges == sorted(edges)
    assert len(edges) == len(found["counts"]) + 1


def test_many_values_are_counted_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_parts, "ROWS_PER_PART", 7)
    values = np.random.default_rng(1).normal(size=1_000)
    whole, _ = np.histogram(values, bins=np.array(of(values, ColumnKind.NUMBER)["histogram"]["edges"]))
    assert of(values, ColumnKind.NUMBER)["histogram"]["counts"] == whole.tolist()


def test_the_most_frequent_values_come_first_and_long_ones_are_cut() -> None:
    names = (*(f"{number:03d}" for number in range(99)), "x" * 300)
    codes = np.array([*range(100), *[99] * 5, *[50] * 3], dtype=np.int32)
    found = of(codes, ColumnKind.CATEGORY, names)["most_frequent"]
    assert len(found) == MOST_VALUES
    assert found[:3] == [
        {"value": "x" * 200 + "…", "rows": 6},
        {"value": "050", "rows": 4},
        {"value": "000", "rows": 1},
    ]


def test_a_missing_value_is_in_no_bin() -> None:
    values = np.array([1.0, np.nan, 3.0])
    found = spread(IndexColumn("a", ColumnKind.NUMBER, values), 1.0, 3.0)["histogram"]
    assert sum(found["counts"]) == 2
