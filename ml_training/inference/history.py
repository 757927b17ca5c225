"""The histories of a data set or table: its rows ordered by group, then time, then row number.

Horizons look ahead along a history, windows look back. Rows without a time or a group are in no history. The order of a
data set is computed once, at ingest, and stored with the columns, so that no job has to sort a million rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_KEY = 2**62  # of 64-bit sort keys


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The ordered rows of a data set.

    order: rows by group, time, row number; starts: the position in `order` where each group begins, and the end;
    times: the times of the rows in `order`, in microseconds.
    """

    order: NDArray[np.int32]
    starts: NDArray[np.int32]
    times: NDArray[np.int64]

    @property
    def first(self) -> NDArray[np.int64]:
        """For each position in `order`, where its group begins."""
        return np.repeat(self.starts[:-1], np.diff(self.starts)).astype(np.int64)

    @property
    def last_times(self) -> NDArray[np.int64]:
        """For each position in `order`, the latest time of its group."""
        return np.repeat(self.times[self.starts[1:] - 1], np.diff(self.starts))

    def at_or_before(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each position in `order`, the last position of its group whose time is at or before its moment.

        `moments` ascend within each group and are not before the position's own time.
        """
        if not len(self.order):
            return np.zeros(0, dtype=np.int64)
        sizes = np.diff(self.starts)
        halves = np.empty((2, len(self.order)), dtype=np.int64)  # times and moments
        halves[0] = self.times
        np.minimum(moments, self.times.max(), out=halves[1])
        span = int(self.times.max() - self.times.min()) + 1
        if span * len(self.starts) < MAX_KEY:
            # One merge of all groups: each is shifted beyond the latest moment of the one before.
            halves += np.repeat(np.arange(len(sizes)) * span, sizes)
            return _last_at_or_before(halves)
        parts = [slice(*bounds) for bounds in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)]
        return np.concatenate([part.start + _last_at_or_before(halves[:, part]) for part in parts])


def _last_at_or_before(halves: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each moment in the second row, the position of the last time in the first row at or before it.

    Both rows ascend.
    """
    # A stable sort merges two ascending runs: half the time of a million binary searches.
    merged = np.argsort(halves.ravel(), kind="stable")
    found: NDArray[np.int64] = np.flatnonzero(merged >= halves.shape[1])
    found -= np.arange(1, halves.shape[1] + 1)
    return found


def ordered_rows(rows: NDArray[np.int64], times: NDArray[np.int64], groups: NDArray[Any] | None) -> History:
    """The histories of these rows (ascending: those with a time and a group); `times`, `groups`: of all rows."""
    keys = (times[rows],) if groups is None else (times[rows], groups[rows])
    order = rows[np.lexsort(keys)]  # stable: equal times keep their order of rows
    begins = np.zeros(0, dtype=np.int64)
    if groups is not None:
        sorted_groups = groups[order]
        begins = np.flatnonzero(sorted_groups[1:] != sorted_groups[:-1]) + 1
    starts = np.concatenate([[0], begins, [len(order)]]) if len(order) else np.zeros(1)
    return History(order.astype(np.int32), starts.astype(np.int32), times[order])
