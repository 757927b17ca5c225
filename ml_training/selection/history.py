"""The histories of a data set: its rows ordered by group, then time, then row number.

Horizons look ahead along a history, windows look back. Rows without a time or a group are in no history. The order is
computed once, at ingest, and stored beside the columns, so that no job has to sort a million rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing

ORDER, STARTS, TIMES = "order.npy", "group_starts.npy", "ordered_times.npy"
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

    @classmethod
    def open(cls, index: SelectionIndex) -> "History":
        """The histories of a data set that has a time column."""
        files = (index.directory / name for name in (ORDER, STARTS, TIMES))
        return cls(*(np.load(file, mmap_mode="r", allow_pickle=False) for file in files))

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


def write_history(index: SelectionIndex) -> None:
    """Write the order beside the columns; does nothing without a time column."""
    if index.time_column is None:
        return
    times = index.values(index.time_column)
    has_history = ~is_missing(times, ColumnKind.TIME)
    groups = np.zeros(index.rows, dtype=np.int8) if index.group_column is None else index.values(index.group_column)
    if index.group_column is not None:
        has_history &= ~is_missing(groups, index.kind(index.group_column))
    order, starts = _ordered(np.flatnonzero(has_history), times, groups)
    np.save(index.directory / ORDER, order, allow_pickle=False)
    np.save(index.directory / STARTS, starts, allow_pickle=False)
    np.save(index.directory / TIMES, times[order], allow_pickle=False)


def _ordered(
    rows: NDArray[np.int64], times: NDArray[np.int64], groups: NDArray[Any]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    order = rows[np.lexsort((times[rows], groups[rows]))]  # stable: equal times keep their order of rows
    sorted_groups = groups[order]
    begins = np.flatnonzero(sorted_groups[1:] != sorted_groups[:-1]) + 1
    starts = np.concatenate([[0], begins, [len(order)]]) if len(order) else np.zeros(1)
    return order.astype(np.int32), starts.astype(np.int32)
