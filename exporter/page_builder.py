"""Makes the page: shows every answer at this moment and swaps the result in whole, away from any scrape."""

import threading
import time
from collections.abc import Callable, Sequence

from exporter import metrics
from exporter.collectors.base import Observer, Show
from exporter.exposition import Families, sample, samples
from exporter.metrics import Metric
from exporter.metrics_page import Format, Page, Variant
from exporter.series_limit import Cap
from exporter.snapshot import Run, Snapshots
from ml_training.logs import get_logger

log = get_logger(__name__)
WANTED_SECONDS = 300.0  # a variant that nobody asked for in so long is not made beforehand any more


class Painter:
    """Paints one page at a time, hands out bodies on any thread."""

    def __init__(self, snapshots: Snapshots, observers: Sequence[Observer], *, dropped: Callable[[], int]) -> None:
        self._snapshots = snapshots
        self._observers = tuple(observers)
        self._dropped = dropped
        self._cap = Cap()
        self._broken: set[str] = set()
        self._wanted: dict[Variant, float] = {Variant(Format.TEXT, gzip=False): time.monotonic()}
        self._painting = threading.Lock()
        self._page = Page({})
        self.painted_at = time.monotonic()

    def body(self, variant: Variant) -> bytes:
        """The page in this variant."""
        self._wanted[variant] = time.monotonic()
        return self._page.body(variant)

    def paint(self) -> None:
        """Make the page of now, in every variant that somebody reads."""
        with self._painting:
            page = Page(self.families(self._snapshots.now))
            oldest = time.monotonic() - WANTED_SECONDS
            for variant in [variant for variant, asked in tuple(self._wanted.items()) if asked >= oldest]:
                page.body(variant)
            self._page, self.painted_at = page, time.monotonic()

    def families(self, now: float) -> Families:
        """Everything that is known, as of `now`: Unix seconds by the database's clock."""
        families: dict[Metric, bytes] = {}
        runs = self._snapshots.runs()
        for name, show in self._snapshots.shows():
            if not self._add(families, name, show, now):
                runs[name] = Run(ok=False, seconds=runs[name].seconds)
        for observer in self._observers:
            started = time.monotonic()
            ok = self._add(families, observer.name, observer.show, now)
            runs[observer.name] = Run(ok=ok, seconds=time.monotonic() - started)
        # Before the first answer no API process was seen: that is 0 by contract, not absent.
        families.setdefault(metrics.SERVICE_UPTIME, sample(metrics.SERVICE_UPTIME, (), 0))
        families = dict(self._cap.cut({**families, **self._own(runs)}))
        dropped = self._dropped() + self._cap.dropped
        return {**families, metrics.SERIES_DROPPED: sample(metrics.SERIES_DROPPED, (), dropped)}

    def _add(self, families: dict[Metric, bytes], name: str, show: Show, now: float) -> bool:
        try:
            shown = show(now)
        except Exception:
            # The collector's edge: one broken answer must not cost the page. Said once, not once a second.
            if name not in self._broken:
                log.exception("collector_failed", collector=name)
            self._broken.add(name)
            return False
        for metric, lines in shown.items():
            families[metric] = families.get(metric, b"") + lines
        self._broken.discard(name)
        return True

    def _own(self, runs: dict[str, Run]) -> Families:
        snapshots = self._snapshots
        return {
            metrics.DB_CONNECTED: sample(metrics.DB_CONNECTED, (), int(snapshots.connected)),
            metrics.SNAPSHOT_AGE: sample(metrics.SNAPSHOT_AGE, (), round(snapshots.age, 3)),
            metrics.COLLECTOR_SUCCESS: samples(
                metrics.COLLECTOR_SUCCESS, [((name,), int(run.ok)) for name, run in runs.items()]
            ),
            metrics.COLLECTOR_DURATION: samples(
                metrics.COLLECTOR_DURATION, [((name,), round(run.seconds, 6)) for name, run in runs.items()]
            ),
        }
