"""The times of some rows, asked where parts of them begin and end; quick where the rows come in time order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.split import rounded


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """At least one time, microseconds; `ascending`: whether the rows come in time order, as most files do."""

    times: NDArray[np.int64]
    ascending: bool

    @classmethod
    def of(cls, times: NDArray[np.int64]) -> "Timeline":
        """The timeline of these times."""
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
        """The times at these ranks from the earliest, 0: what lies before one is earlier, whatever repeats."""
        ordered = self.times if self.ascending else np.partition(self.times, ranks)
        return [int(ordered[rank]) for rank in ranks]

    def before(self, end: int) -> "Timeline | None":
        """The times before `end`; None when there are none."""
        kept = self.times[: np.searchsorted(self.times, end)] if self.ascending else self.times[self.times < end]
        return Timeline(kept, self.ascending) if len(kept) else None

    def last_part(self, share: float) -> int | None:
        """The time from which on about `share` of the rows lie, later than the first one; None when all are equal.

        Rows of equal time are never torn apart: the last part may be larger than asked for.
        """
        take = min(max(1, rounded(len(self.times) * share)), len(self.times) - 1)
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
