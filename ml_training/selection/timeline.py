"""Finds where parts of rows begin and end in time; fast when the rows are in time order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.split import round_half_up


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """At least one time, in microseconds; `ascending`: whether the rows are in time order, as in most files."""

    times: NDArray[np.int64]
    ascending: bool

    @classmethod
    def of(cls, times: NDArray[np.int64]) -> "Timeline":
        """The timeline of these times; looks whether they ascend."""
        return cls(times, bool((times[1:] >= times[:-1]).all()))

    @property
    def first(self) -> int:
        """The earliest time."""
        return int(self.times[0] if self.ascending else self.times.min())

    @property
    def last(self) -> int:
        """The latest time."""
        return int(self.times[-1] if self.ascending else self.times.max())

    def at(self, ranks: Sequence[int]) -> list[int]:
        """The times at these ranks, counted from 0 for the earliest; equal times have ranks of their own."""
        ordered = self.times if self.ascending else np.partition(self.times, ranks)
        return [int(ordered[rank]) for rank in ranks]

    def before(self, end: int) -> "Timeline | None":
        """The times before `end`; None when there are none."""
        kept = self.times[: np.searchsorted(self.times, end)] if self.ascending else self.times[self.times < end]
        return Timeline(kept, self.ascending) if len(kept) else None

    def last_part(self, share: float) -> int | None:
        """The time at which the last part begins, about `share` of the rows; None when all times are equal.

        It is later than the first time. Rows of equal time stay together, so the part may be larger than `share`.
        """
        take = min(max(1, round_half_up(len(self.times) * share)), len(self.times) - 1)
        [cut] = self.at([len(self.times) - take]) if take else [self.first]
        if cut > self.first:
            return cut
        later = self.times[self.times > cut]
        return int(later.min()) if len(later) else None

    def blocks(self, marks: NDArray[np.int64]) -> NDArray[Any]:
        """For each row how many of the ascending marks its time has reached."""
        if not self.ascending:
            return np.searchsorted(marks, self.times, side="right")
        ends = np.searchsorted(self.times, marks)
        return np.repeat(np.arange(len(marks) + 1), np.diff([0, *ends, len(self.times)]))
