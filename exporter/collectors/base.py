"""The shape of a collector; a file of this package ends in one class that has it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from exporter.exposition import Families
from ml_training.db.stats import Stats

Render = Callable[[float], Families]
"""Renders what was collected for a moment, Unix seconds by the database's clock.

It reads nothing, so ages keep growing on the page while the database is away.
"""


class Collector(ABC):
    """Reads the database, in two steps: `collect` asks, and what it returns renders the answer any number of times."""

    name: str
    """The `collector` label of `ml_exporter_collector_success`."""
    lifetime: float = math.inf
    """Seconds after which an answer is too old to be rendered."""
    share: float = 1.0
    """The part of the time that `collect` may take: after 0.1 s it is due again 0.1 s / share later."""
    dropped: int = 0
    """Series left out because there were too many, summed over snapshots."""

    @abstractmethod
    def collect(self, stats: Stats) -> Render:
        """Ask the database."""


class LocalCollector(ABC):
    """Knows its numbers without the database, so it has nothing to ask and only renders."""

    name: str
    """The `collector` label of `ml_exporter_collector_success`."""

    @abstractmethod
    def render(self, now: float) -> Families:
        """The families at this moment, Unix seconds by the database's clock."""


def always(families: Families) -> Render:
    """Render families that do not change with time."""
    return lambda _now: families
