"""What the API served and refused, summed over its processes: each one writes its counts to its heartbeat row."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.collectors.processes import FORGOTTEN_SECONDS, MAX_PROCESSES
from exporter.exposition import Families, finite, histogram, samples
from ml_training.db.stats import HeartbeatRow, Stats
from ml_training.domain.api_keys import Refusal
from ml_training.domain.histogram_buckets import REQUEST_BUCKETS
from ml_training.domain.rejection_reasons import RejectionReason

MAX_ROUTES = 60
OTHER = "other"
_ROUTE = r"/[A-Za-z0-9_{}/.-]{0,99}|unmatched"
_REQUEST = re.compile(rf"([A-Za-z]{{1,10}}) ({_ROUTE}) ([1-5][0-9]{{2}})")
_DURATION_ROUTE = re.compile(_ROUTE)

# ("requests", route, method, code), ("rejected" or "unauthenticated", reason), ("seconds", route) or
# ("bucket", route, number)
_CounterKey = tuple[str, ...]
_ProcessKey = tuple[str, float | None]  # its name and since when it counts: a name may be used again


def _counts(body: dict[str, Any]) -> Iterator[tuple[_CounterKey, float]]:
    for name, value in _numbers(body.get("requests")):
        if found := _REQUEST.fullmatch(name):
            yield ("requests", found[2], found[1], found[3]), value
    for reason, value in _numbers(body.get("rejected")):
        yield ("rejected", reason if reason in set(RejectionReason) else OTHER), value
    for why, value in _numbers(body.get("unauthenticated")):
        yield ("unauthenticated", why if why in set(Refusal) else OTHER), value
    durations = body.get("durations")
    if isinstance(durations, dict) and body.get("duration_bounds") == list(REQUEST_BUCKETS):
        for route, duration in durations.items():
            if _DURATION_ROUTE.fullmatch(route) and isinstance(duration, dict):
                yield from _durations(route, duration)


def _durations(route: str, duration: dict[str, Any]) -> Iterator[tuple[_CounterKey, float]]:
    counts, seconds = duration.get("buckets"), finite(duration.get("sum"))
    if isinstance(counts, list) and len(counts) == len(REQUEST_BUCKETS) + 1 and seconds is not None:
        yield ("seconds", route), seconds
        for number, value in _numbers({str(number): count for number, count in enumerate(counts)}):
            yield ("bucket", route, number), value


def _numbers(found: object) -> Iterator[tuple[str, float]]:
    for name, value in found.items() if isinstance(found, dict) else ():
        if (number := finite(value)) is not None and number >= 0:
            yield name, number


def _families(sums: Mapping[_CounterKey, float]) -> Families:
    rejected: dict[str, float] = dict.fromkeys(RejectionReason, 0)
    rejected |= {key[1]: value for key, value in sums.items() if key[0] == "rejected"}
    refused: dict[str, float] = dict.fromkeys(Refusal, 0)
    refused |= {key[1]: value for key, value in sums.items() if key[0] == "unauthenticated"}
    return {
        metrics.JOBS_REJECTED: samples(metrics.JOBS_REJECTED, [((reason,), n) for reason, n in rejected.items()]),
        metrics.API_REQUESTS: samples(
            metrics.API_REQUESTS, sorted((key[1:], value) for key, value in sums.items() if key[0] == "requests")
        ),
        metrics.API_UNAUTHENTICATED: samples(metrics.API_UNAUTHENTICATED, [((why,), n) for why, n in refused.items()]),
        metrics.API_DURATION: b"".join(
            _histogram(sums, route) for route in sorted(key[1] for key in sums if key[0] == "seconds")
        ),
    }


def _histogram(sums: Mapping[_CounterKey, float], route: str) -> bytes:
    counts = [int(sums.get(("bucket", route, str(number)), 0)) for number in range(len(REQUEST_BUCKETS) + 1)]
    total = sums["seconds", route]
    return histogram(metrics.API_DURATION, (route,), bounds=REQUEST_BUCKETS, counts=counts, total=total)


class ApiCollector(Collector):
    """Adds up what each process counted since its last heartbeat, so that one that ends takes nothing away.

    An exporter that starts again knows the processes whose rows are still there, and not those before them.
    `dropped` counts what was left out because there were too many routes, each time that it happened.
    """

    name = "api"

    def __init__(self) -> None:
        # The moment and the counts of each process's last heartbeat, the newest heartbeat last.
        self._last: dict[_ProcessKey, tuple[float, Mapping[_CounterKey, float]]] = {}
        self._sums: defaultdict[_CounterKey, float] = defaultdict(float)
        self._routes: set[str] = set()
        self._render = always(_families(self._sums))

    def collect(self, stats: Stats) -> Render:
        rows = stats.heartbeats(within=FORGOTTEN_SECONDS, limit=2 * MAX_PROCESSES)
        if sum([self._add(row) for row in rows if row.kind == "api"]):
            self._render = always(_families(self._sums))
        while len(self._last) > 2 * MAX_PROCESSES:
            del self._last[next(iter(self._last))]
        return self._render

    def _add(self, row: HeartbeatRow) -> bool:
        body = row.body if isinstance(row.body, dict) else {}
        process = row.process, finite(body.get("counting_since"))
        seen_at, before = self._last.pop(process, (None, {}))
        is_new = seen_at != row.seen_at
        if is_new:
            now = {key: value for key, value in _counts(body) if self._admits(key)}
            for key, value in now.items():
                self._sums[key] += max(0, value - before.get(key, 0))
            before = now
        self._last[process] = row.seen_at, before
        return is_new

    def _admits(self, key: _CounterKey) -> bool:
        if key[0] in ("rejected", "unauthenticated") or key[1] in self._routes:
            return True
        if len(self._routes) >= MAX_ROUTES:
            self.dropped += 1
            return False
        self._routes.add(key[1])
        return True
