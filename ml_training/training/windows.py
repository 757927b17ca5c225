"""Rolling statistics of a column along each row's history: from the past only, and from the row itself.

For a row and a window of n rows: the row, and the last n - 1 rows of its group whose time is strictly earlier, ordered
by time and row number; where there are fewer, those that exist. mean and std are those of the values that are not
missing (std: of a sample, so missing for one value); change is the move from the oldest row of the window relative to
its value, momentum the same move in the column's own units. Rows without a time or a group have no statistics.
Each value is computed from the rows of its window alone, so that no other row can change a single bit of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.history import History
from ml_training.selection.index import SelectionIndex
from ml_training.selection.schema import Window
from ml_training.selection.split import Positions

NOWHERE = -1
Values = NDArray[np.float64]


class Windows:
    """The histories of a data set, ready to be looked back along."""

    def __init__(self, index: SelectionIndex) -> None:
        self._index = index
        history = History.open(index)
        self._order = np.asarray(history.order)
        self._place = np.full(index.rows, NOWHERE, dtype=np.int64)
        self._place[self._order] = np.arange(len(self._order))
        self._first = history.first
        self._earlier = _begin_of_ties(history)

    def read(self, source: str, windows: Sequence[Window], rows: Positions) -> Iterator[Values]:
        """The statistics of one column for these rows, in the order of `windows`, all of whose source it is."""
        column, place = self._index.values(source), self._place[rows]
        placed = place != NOWHERE
        found = {window: np.full(len(rows), np.nan) for window in windows}
        for window, values in self._look_back(column, place[placed], windows):
            found[window][placed] = values
        return (found[window] for window in windows)

    def _look_back(
        self, column: NDArray[Any], place: NDArray[np.int64], windows: Sequence[Window]
    ) -> Iterator[tuple[Window, Values]]:
        """Step back row by row, from the row itself, and tell each statistic when its window is full."""
        own = column[self._order[place]].astype(np.float64)
        room = self._earlier[place] - self._first[place]  # how many rows are strictly earlier
        running, oldest = _Running(own), own
        for lag in range(max(window.rows for window in windows)):
            if lag:
                there = room >= lag
                back = np.where(there, self._earlier[place] - lag, place)
                values = column[self._order[back]].astype(np.float64)
                running.add(np.where(there, values, np.nan))
                oldest = np.where(there, values, oldest)
            for window in windows:
                if window.rows == lag + 1:
                    yield window, _statistic(window.statistic, running, own, oldest)


class _Running:
    """Mean and spread of values that come one by one, for many rows at once (Welford 1962); NaN is no value."""

    def __init__(self, first: Values) -> None:
        known = ~np.isnan(first)
        self.count = known.astype(np.float64)
        self._mean = np.where(known, first, 0.0)
        self._squares = np.zeros(len(first))

    def add(self, values: Values) -> None:
        """One more value for each row."""
        known = ~np.isnan(values)
        self.count += known
        with np.errstate(over="ignore", invalid="ignore"):
            step = np.where(known, values - self._mean, 0.0)
            self._mean += step / np.maximum(self.count, 1.0)
            self._squares += np.where(known, step * (values - self._mean), 0.0)

    def mean(self) -> Values:
        """NaN where there was no value."""
        return np.where(self.count > 0, self._mean, np.nan)

    def std(self) -> Values:
        """NaN for fewer than two values."""
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


def _begin_of_ties(history: History) -> NDArray[np.int64]:
    """For each place in the order, where the rows of its group with its own time begin."""
    place = np.arange(len(history.order))
    begins = np.ones(len(place), dtype=np.bool_)
    begins[1:] = history.times[1:] != history.times[:-1]
    begins[history.starts[:-1]] = True
    return np.maximum.accumulate(np.where(begins, place, 0))
