"""Computes rolling statistics of a column along the history of each row, from the row itself and earlier rows only.

The window of n rows of a row: the row, and the last n - 1 rows of its group whose time is strictly earlier, ordered by
time and row number; fewer where fewer exist. mean and std use the values that are not missing (std is the sample
standard deviation, so it is missing for one value). change is the relative difference to the oldest row of the window
(technical analysis calls it rate of change), momentum is the absolute difference. Rows without a time or a group have
no statistics. Each value is computed from the rows of its window alone, so no other row can change a bit of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.columns import ColumnSource
from ml_training.inference.history import History
from ml_training.inference.schema import Window

NO_POSITION = -1
Values = NDArray[np.float64]


class Windows:
    """Looks back along the histories of one data set."""

    def __init__(self, source: ColumnSource) -> None:
        self._source = source
        history = source.history()
        self._order = np.asarray(history.order)
        self._position = np.full(source.rows, NO_POSITION, dtype=np.int64)
        self._position[self._order] = np.arange(len(self._order))
        self._first = history.first
        self._earlier = _tie_starts(history)

    def read(self, source: str, windows: Sequence[Window], rows: NDArray[np.int64]) -> Iterator[Values]:
        """The statistics of the column `source` for these rows, in the order of `windows`."""
        column, position = self._source.stored(source), self._position[rows]
        has_history = position != NO_POSITION
        found = {window: np.full(len(rows), np.nan) for window in windows}
        for window, values in self._look_back(column, position[has_history], windows):
            found[window][has_history] = values
        return (found[window] for window in windows)

    def _look_back(
        self, column: NDArray[Any], position: NDArray[np.int64], windows: Sequence[Window]
    ) -> Iterator[tuple[Window, Values]]:
        """Step back row by row, from the row itself, and yield each statistic when its window is full."""
        own = column[self._order[position]].astype(np.float64)
        available = self._earlier[position] - self._first[position]  # how many rows are strictly earlier
        running, oldest = _Running(own), own
        for lag in range(max(window.rows for window in windows)):
            if lag:
                exists = available >= lag
                back = np.where(exists, self._earlier[position] - lag, position)
                values = column[self._order[back]].astype(np.float64)
                running.add(np.where(exists, values, np.nan))
                oldest = np.where(exists, values, oldest)
            for window in windows:
                if window.rows == lag + 1:
                    yield window, _statistic(window.statistic, running, own, oldest)


class _Running:
    """Mean and standard deviation of values that come one by one, for many rows at once; NaN is no value.

    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
    """

    def __init__(self, first: Values) -> None:
        known = ~np.isnan(first)
        self.count = known.astype(np.float64)
        self._mean = np.where(known, first, 0.0)
        self._squares = np.zeros(len(first))

    def add(self, values: Values) -> None:
        """Add one value for each row."""
        known = ~np.isnan(values)
        self.count += known
        with np.errstate(over="ignore", invalid="ignore"):
            step = np.where(known, values - self._mean, 0.0)
            self._mean += step / np.maximum(self.count, 1.0)
            self._squares += np.where(known, step * (values - self._mean), 0.0)

    def mean(self) -> Values:
        """The mean; NaN where there was no value."""
        return np.where(self.count > 0, self._mean, np.nan)

    def std(self) -> Values:
        """The sample standard deviation; NaN for fewer than two values."""
        with np.errstate(invalid="ignore"):
            return np.where(self.count > 1, np.sqrt(self._squares / np.maximum(self.count - 1, 1.0)), np.nan)


def _statistic(name: str, running: _Running, own: Values, oldest: Values) -> Values:
    if name == "mean":
        return running.mean()
    if name == "std":
        return running.std()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        move = own - oldest
        return move if name == "momentum" else np.where(oldest != 0, move / np.abs(oldest), np.nan)


def _tie_starts(history: History) -> NDArray[np.int64]:
    """For each position in the order, where the rows of its group with the same time begin."""
    position = np.arange(len(history.order))
    begins = np.ones(len(position), dtype=np.bool_)
    begins[1:] = history.times[1:] != history.times[:-1]
    begins[history.starts[:-1]] = True
    return np.maximum.accumulate(np.where(begins, position, 0))
