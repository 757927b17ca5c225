"""What this process served and refused: plain counts in memory, carried by its heartbeat."""

import threading
from bisect import bisect_left
from collections import Counter
from typing import Any

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"  # one label for all unknown paths: a label is never a user's text


class Counters:
    """Requests by route, method and status code, their durations by route, refused jobs by reason; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._rejected: Counter[str] = Counter()

    def count_request(self, route: str | None, method: str, code: int, *, seconds: float) -> None:
        """Count one answered request; `route` is the template, None when no route matched."""
        route = route or UNMATCHED
        method = method if method in METHODS else "other"
        with self._lock:
            self._requests[f"{method} {route} {code}"] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds
            buckets = self._buckets.setdefault(route, [0] * (len(DURATION_BOUNDS) + 1))
            buckets[bisect_left(DURATION_BOUNDS, seconds)] += 1

    def count_rejected(self, reason: str, jobs: int = 1) -> None:
        """Count jobs that were refused at the door."""
        with self._lock:
            self._rejected[reason] += jobs

    def snapshot(self) -> dict[str, Any]:
        """All counts as JSON; buckets are not cumulative, the last one is beyond every bound."""
        with self._lock:
            return {
                "requests": dict(self._requests),
                "durations": {
                    route: {"buckets": list(buckets), "sum": round(self._seconds[route], 6)}
                    for route, buckets in self._buckets.items()
                },
                "duration_bounds": list(DURATION_BOUNDS),
                "rejected": dict(self._rejected),
            }
