"""The cap on the page: no accident in the database may make a scrape larger than Prometheus is ready to take."""

from exporter.exposition import Families
from exporter.metrics import DROPPED_FIRST

MOST_SERIES = 15_000


class Cap:
    """Cuts whole families, the least important first, until the page fits."""

    def __init__(self, most: int = MOST_SERIES) -> None:
        self._most = most
        self.dropped = 0
        """Series cut, summed over pages."""

    def cut(self, families: Families) -> Families:
        """The families that fit; one line is one series."""
        sizes = {metric: lines.count(b"\n") for metric, lines in families.items()}
        excess = sum(sizes.values()) - self._most
        cut = set()
        for metric in DROPPED_FIRST:
            if excess > 0 and sizes.get(metric):
                excess -= sizes[metric]
                self.dropped += sizes[metric]
                cut.add(metric)
        return {metric: lines for metric, lines in families.items() if metric not in cut}
