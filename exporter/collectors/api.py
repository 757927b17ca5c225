"""What the API served and refused, all processes together: each carries its own counts in its heartbeat row."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from exporter import metrics
from exporter.collectors.base import Show, always
from exporter.collectors.processes import FORGOTTEN_SECONDS, MOST_PROCESSES
from exporter.exposition import Families, finite, histogram, samples
from ml_training.db.stats import HeartbeatRow, Stats
from ml_training.domain.histogram_buckets import REQUEST_BUCKETS
from ml_training.domain.rejection_reasons import RejectionReason

MOST_ROUTES = 60
OTHER = "other"
_ROUTE = r"/[A-Za-z0-9_{}/.-]{0,99}|unmatched"
_REQUEST = re.compile(rf"([A-Za-z]{{1,10}}) ({_ROUTE}) ([1-5][0-9]{{2}})")
_DURATION_ROUTE = re.compile(_ROUTE)

# ("requests", route, method, code), ("rejected", reason), ("seconds", route) or ("bucket", route, number)
_Key = tuple[str, ...]
_Process = tuple[str, float | None]  # its name and the moment since when it counts: a name may be used again


class Api:
    """Adds up what each process counted since its last heartbeat, so that one that ends takes nothing away.

    An exporter that starts again knows the processes whose rows are still there, and not those before them.
    """

    def __init__(self) -> None:
        self._told: dict[_Process, tuple[float, Mapping[_Key, float]]] = {}  # when and what; heard last, stands last
        self._sums: defaultdict[_Key, float] = defaultdict(float)
        self._routes: set[str] = set()
        self._show = always(_families(self._sums))
        self.dropped = 0
        """Counts left out because there were too many routes, each time that it happened."""

    def ask(self, stats: Stats) -> Show:
        """The sums over all processes."""
        rows = stats.heartbeats(within=FORGOTTEN_SECONDS, limit=2 * MOST_PROCESSES)
        if sum([self._take(row) for row in rows if row.kind == "api"]):
            self._show = always(_families(self._sums))
        while len(self._told) > 2 * MOST_PROCESSES:
            del self._told[next(iter(self._told))]
        return self._show

    def _take(self, row: HeartbeatRow) -> bool:
        body = row.body if isinstance(row.body, dict) else {}
        process = row.process, finite(body.get("counting_since"))
        seen_at, before = self._told.pop(process, (None, {}))
        is_news = seen_at != row.seen_at
        if is_news:
            now = {key: value for key, value in _counts(body) if self._admits(key)}
            for key, value in now.items():
                self._sums[key] += max(0, value - before.get(key, 0))
            before = now
        self._told[process] = row.seen_at, before
        return is_news

    def _admits(self, key: _Key) -> bool:
        if key[0] == "rejected" or key[1] in self._routes:
            return True
        if len(self._routes) >= MOST_ROUTES:
            self.dropped += 1
            return False
        self._routes.add(key[1])
        return True


def _counts(body: dict[str, Any]) -> Iterator[tuple[_Key, float]]:
    for name, value in _numbers(body.get("requests")):
        if found := _REQUEST.fullmatch(name):
            yield ("requests", found[2], found[1], found[3]), value
    for reason, value in _numbers(body.get("rejected")):
        yield ("rejected", reason if reason in set(RejectionReason) else OTHER), value
    durations = body.get("durations")
    if isinstance(durations, dict) and body.get("duration_bounds") == list(REQUEST_BUCKETS):
        for route, told in durations.items():
            if _DURATION_ROUTE.fullmatch(route) and isinstance(told, dict):
                yield from _durations(route, told)


def _durations(route: str, told: dict[str, Any]) -> Iterator[tuple[_Key, float]]:
    counts, seconds = told.get("buckets"), finite(told.get("sum"))
    if isinstance(counts, list) and len(counts) == len(REQUEST_BUCKETS) + 1 and seconds is not None:
        yield ("seconds", route), seconds
        for number, value in _numbers({str(number): count for number, count in enumerate(counts)}):
            yield ("bucket", route, number), value


def _numbers(found: object) -> Iterator[tuple[str, float]]:
    for name, value in found.items() if isinstance(found, dict) else ():
        if (number := finite(value)) is not None and number >= 0:
            yield name, number


def _families(sums: Mapping[_Key, float]) -> Families:
    refused: dict[str, float] = dict.fromkeys(RejectionReason, 0)
    refused |= {key[1]: value for key, value in sums.items() if key[0] == "rejected"}
    return {
        metrics.JOBS_REJECTED: samples(metrics.JOBS_REJECTED, [((reason,), n) for reason, n in refused.items()]),
        metrics.API_REQUESTS: samples(
            metrics.API_REQUESTS, sorted((key[1:], value) for key, value in sums.items() if key[0] == "requests")
        ),
        metrics.API_DURATION: b"".join(
            _histogram(sums, route) for route in sorted(key[1] for key in sums if key[0] == "seconds")
        ),
    }


def _histogram(sums: Mapping[_Key, float], route: str) -> bytes:
    counts = [int(sums.get(("bucket", route, str(number)), 0)) for number in range(len(REQUEST_BUCKETS) + 1)]
    total = sums["seconds", route]
    return histogram(metrics.API_DURATION, (route,), bounds=REQUEST_BUCKETS, counts=counts, total=total)
