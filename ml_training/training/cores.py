"""How many threads a training may use; the number may change while it runs."""

from dataclasses import dataclass
from typing import Protocol


class Cores(Protocol):
    """The share of the machine that a job has; asked again at each round, batch of trees, or batch of rows."""

    def granted(self) -> int:
        """How many threads the job may use now, at least 1; cheap enough to be asked at every round."""


@dataclass(frozen=True, slots=True)
class FixedCores:
    """The same number of threads all the time."""

    threads: int

    def granted(self) -> int:
        """See Cores."""
        return self.threads


@dataclass(frozen=True, slots=True)
class LimitedCores:
    """What `cores` grants, but never more than `most` threads."""

    cores: Cores
    most: int

    def granted(self) -> int:
        """See Cores."""
        return max(1, min(self.cores.granted(), self.most))
