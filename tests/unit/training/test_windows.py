"""Windows: what a loop over the rows says, from the past only, to the last bit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.selection.features import STATISTICS
from ml_training.selection.index import TIME_MISSING, ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.plan import plan_train
from ml_training.selection.rows import to_microseconds
from ml_training.selection.schema import FeatureSchema, Window
from ml_training.training.matrix import MatrixReader
from tests.support.training_data import category, integer, job, number

START = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (2, 3, 7)
FEATURES = [
    FeatureSchema(f"{statistic} {rows}", ColumnKind.NUMBER, window=Window("x", rows, statistic))
    for rows in SIZES
    for statistic in STATISTICS
]


def history(directory: Path, x: Any, *, minutes: Any, groups: Any | None = None) -> SelectionIndex:
    """An index with a time column and, if given, a group column; a minute of None is a missing time."""
    directory.mkdir(parents=True)
    times = [TIME_MISSING if m is None else to_microseconds(START + timedelta(minutes=float(m))) for m in minutes]
    columns = [IndexColumn("when", ColumnKind.TIME, np.array(times, dtype=np.int64)), number("x", x)]
    columns += [] if groups is None else [category("who", groups)]
    columns += [integer("y", np.arange(len(times)) % 2)]
    group = None if groups is None else "who"
    return write_index(directory, columns, rows=len(times), time_column="when", group_column=group)


def read(index: SelectionIndex) -> np.ndarray:
    return MatrixReader(index, FEATURES).read(np.arange(index.rows))


def test_four_statistics_of_a_small_history_by_hand(tmp_path: Path) -> None:
    index = history(tmp_path / "a", [1.0, 2.0, 4.0, 0.0], minutes=[3, 1, 2, 0])  # in time: 0 2 4 1
    features = [FeatureSchema(s, ColumnKind.NUMBER, window=Window("x", 3, s)) for s in STATISTICS]
    found = MatrixReader(index, features).read(np.arange(4))
    np.testing.assert_allclose(found[0], [7 / 3, np.std([2, 4, 1], ddof=1), (1 - 2) / 2, -1.0])
    np.testing.assert_allclose(found[1], [1.0, np.std([0, 2], ddof=1), np.nan, 2.0])
    np.testing.assert_allclose(found[3], [0.0, np.nan, np.nan, 0.0])


@pytest.mark.parametrize("seed", range(20))
def test_windows_are_what_a_loop_over_the_rows_says(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(1, 80))
    x = np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows) * 10.0 ** random.integers(-3, 9))
    minutes = [None if random.random() < 0.1 else int(random.integers(0, 30)) for _ in range(rows)]
    groups = [None if random.random() < 0.1 else f"g{random.integers(3)}" for _ in range(rows)]
    if all(group is None for group in groups):
        groups[0] = "g0"
    found = read(history(tmp_path / "a", x, minutes=minutes, groups=groups))
    expected = np.array([_by_loop(x, minutes, groups, row) for row in range(rows)])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(x), initial=1.0))


def _by_loop(x: Any, minutes: list[Any], groups: list[Any], row: int) -> list[float]:
    if minutes[row] is None or groups[row] is None:
        return [np.nan] * len(FEATURES)
    earlier = [
        other
        for other in range(len(x))
        if groups[other] == groups[row] and minutes[other] is not None and minutes[other] < minutes[row]
    ]
    ordered = [*sorted(earlier, key=lambda other: (minutes[other], other)), row]
    found = []
    for rows in SIZES:
        values = x[ordered[-rows:]]
        known = values[~np.isnan(values)]
        move = values[-1] - values[0]
        found += [
            known.mean() if len(known) else np.nan,
            known.std(ddof=1) if len(known) > 1 else np.nan,
            move / abs(values[0]) if values[0] != 0 else np.nan,
            move,
        ]
    return found


def test_the_future_and_other_groups_do_not_change_a_single_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=300) * 1e6
    minutes, groups = random.integers(0, 100, 300).tolist(), [f"g{n}" for n in random.integers(0, 4, 300)]
    before = read(history(tmp_path / "before", x, minutes=minutes, groups=groups))
    for moment in (10, 50, 90):
        future = np.array(minutes) > moment
        changed = np.where(future, x * -1e9 + 7, x)
        after = read(history(tmp_path / f"after {moment}", changed, minutes=minutes, groups=groups))
        assert after[~future].tobytes() == before[~future].tobytes()
        assert not np.array_equal(after[future], before[future], equal_nan=True)
    elsewhere = np.where(np.array(groups) == "g0", x, x * 3)
    other = read(history(tmp_path / "other", elsewhere, minutes=minutes, groups=groups))
    mine = np.array(groups) == "g0"
    assert other[mine].tobytes() == before[mine].tobytes()


def test_rows_read_alone_are_the_rows_read_together(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    index = history(tmp_path / "a", random.normal(size=200), minutes=random.integers(0, 50, 200).tolist())
    together, reader = read(index), MatrixReader(index, FEATURES)
    alone = np.concatenate([reader.read(np.array([row])) for row in range(200)])
    assert alone.tobytes("F") == together.tobytes("F")


def test_window_features_are_named_after_what_they_are_and_counted(tmp_path: Path) -> None:
    index = history(tmp_path / "a", np.arange(40.0), minutes=range(40), groups=["a", "b"] * 20)
    plan = plan_train(job("ridge", features=["x"], feature_engineering={"windows": [10, 5]}), index)
    names = [feature.name for feature in plan.features]
    assert names[:5] == ["x", "x_rolling_mean_5", "x_rolling_std_5", "x_change_5", "x_momentum_5"]
    assert len(names) == 1 + 2 * 4
