"""Collectors and rows for the tests of the exporter."""

import math
from collections.abc import Callable

from exporter.collectors.base import Collector, Render
from ml_training.db.stats import JobRow, Stats


class StubCollector(Collector):
    """Collects with a function of the test."""

    def __init__(
        self, name: str, collect: Callable[[Stats], Render], *, lifetime: float = math.inf, share: float = 1.0
    ) -> None:
        self.name = name
        self.lifetime = lifetime
        self.share = share
        self._collect = collect

    def collect(self, stats: Stats) -> Render:
        return self._collect(stats)


def running_row(job_id: int = 1, *, attempt: int = 1, progress: float = 0.2) -> JobRow:
    """A row of a RUNNING job."""
    return JobRow(job_id, "TRAIN", "lightgbm", "RUNNING", attempt, progress, None, None, 0, 1.0, None)
