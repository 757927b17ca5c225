"""Builds the metrics page in the background and swaps it in as a whole, so that no scrape waits for it."""

import threading
import time
from collections.abc import Callable, Sequence

from exporter import metrics
from exporter.collector_run import CollectorRun, CollectorRunner
from exporter.collectors.base import LocalCollector, Render
from exporter.exposition import Families, sample, samples
from exporter.metrics import Metric
from exporter.metrics_page import MetricsPage, PageFormat, PageVariant
from exporter.series_limit import SeriesLimit
from exporter.snapshot import DatabaseSnapshot

REQUESTED_SECONDS = 300.0  # a variant that nobody requested for this long is no longer built in advance


class PageBuilder:
    """Builds one page at a time, returns bodies on any thread."""

    def __init__(
        self, snapshot: DatabaseSnapshot, local_collectors: Sequence[LocalCollector], *, dropped: Callable[[], int]
    ) -> None:
        self._snapshot = snapshot
        self._local_collectors = tuple(local_collectors)
        self._dropped = dropped
        self._series_limit = SeriesLimit()
        self._runner = CollectorRunner()
        self._requested: dict[PageVariant, float] = {PageVariant(PageFormat.TEXT, gzip=False): time.monotonic()}
        self._building = threading.Lock()
        self._page = MetricsPage({})
        self.built_at = time.monotonic()

    def body(self, variant: PageVariant) -> bytes:
        """The page in this variant."""
        self._requested[variant] = time.monotonic()
        return self._page.body(variant)

    def build(self) -> None:
        """Build the page of this moment, in every variant that somebody reads."""
        with self._building:
            page = MetricsPage(self.families(self._snapshot.now))
            oldest = time.monotonic() - REQUESTED_SECONDS
            for variant in [variant for variant, at in tuple(self._requested.items()) if at >= oldest]:
                page.body(variant)
            self._page, self.built_at = page, time.monotonic()

    def families(self, now: float) -> Families:
        """All that is known, as of `now`: Unix seconds by the database's clock."""
        families: dict[Metric, bytes] = {}
        renders, runs = self._snapshot.renders(), self._snapshot.runs()
        for name, render in renders:
            rendered = self._add(families, name, render, now)
            if not rendered.ok:
                runs[name] = CollectorRun(ok=False, seconds=runs[name].seconds)
        for local in self._local_collectors:
            runs[local.name] = self._add(families, local.name, local.render, now)
        # Before the first answer no API process was seen: that is 0 by contract, not absent.
        families.setdefault(metrics.SERVICE_UPTIME, sample(metrics.SERVICE_UPTIME, (), 0))
        families = dict(self._series_limit.apply({**families, **self._own(runs)}))
        dropped = self._dropped() + self._series_limit.dropped
        return {**families, metrics.SERIES_DROPPED: sample(metrics.SERIES_DROPPED, (), dropped)}

    def _add(self, families: dict[Metric, bytes], name: str, render: Render, now: float) -> CollectorRun:
        run, rendered = self._runner.run(name, lambda: render(now))
        for metric, lines in (rendered or {}).items():
            families[metric] = families.get(metric, b"") + lines
        return run

    def _own(self, runs: dict[str, CollectorRun]) -> Families:
        snapshot = self._snapshot
        return {
            metrics.DB_CONNECTED: sample(metrics.DB_CONNECTED, (), int(snapshot.connected)),
            metrics.SNAPSHOT_AGE: sample(metrics.SNAPSHOT_AGE, (), round(snapshot.age, 3)),
            metrics.COLLECTOR_SUCCESS: samples(
                metrics.COLLECTOR_SUCCESS, [((name,), int(run.ok)) for name, run in runs.items()]
            ),
            metrics.COLLECTOR_DURATION: samples(
                metrics.COLLECTOR_DURATION, [((name,), round(run.seconds, 6)) for name, run in runs.items()]
            ),
        }
