"""Limits the series of a page, so that no accident in the database makes a scrape larger than Prometheus accepts."""

from exporter.exposition import Families
from exporter.metrics import DROPPED_FIRST

MAX_SERIES = 15_000


class SeriesLimit:
    """Drops whole families, the least important first, until the page fits."""

    def __init__(self, series: int = MAX_SERIES) -> None:
        self._series = series
        self.dropped = 0
        """Series dropped, summed over pages."""

    def apply(self, families: Families) -> Families:
        """The families that fit; one line is one series."""
        sizes = {metric: lines.count(b"\n") for metric, lines in families.items()}
        excess = sum(sizes.values()) - self._series
        dropped = set()
        for metric in DROPPED_FIRST:
            if excess > 0 and sizes.get(metric):
                excess -= sizes[metric]
                self.dropped += sizes[metric]
                dropped.add(metric)
        return {metric: lines for metric, lines in families.items() if metric not in dropped}
