"""Counts of requests and rejected jobs of this process; its heartbeat stores them in the database."""

import threading
import time
from collections import Counter
from typing import Any

from ml_training.domain.api_keys import Refusal
from ml_training.domain.histogram_buckets import REQUEST_BUCKETS, bucket_of
from ml_training.domain.rejection_reasons import RejectionReason

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"  # one label for all unknown paths: text of a user is never a label


class Counters:
    """Requests by route, method and status code, their durations by route, rejected jobs by reason; thread-safe."""

    def __init__(self) -> None:
        self._since = time.time()  # distinguishes these counts from those of an earlier process of the same name
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._rejected: Counter[str] = Counter()
        self._unauthenticated: Counter[str] = Counter()

    def count_request(self, route: str | None, method: str, code: int, *, seconds: float) -> None:
        """Count one answered request; `route` is the template, None when no route matched."""
        route = route or UNMATCHED
        method = method if method in METHODS else "other"
        with self._lock:
            self._requests[f"{method} {route} {code}"] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds
            buckets = self._buckets.setdefault(route, [0] * (len(REQUEST_BUCKETS) + 1))
            buckets[bucket_of(seconds, REQUEST_BUCKETS)] += 1

    def count_rejected(self, reason: RejectionReason, jobs: int = 1) -> None:
        """Count jobs that the API did not accept."""
        with self._lock:
            self._rejected[reason.value] += jobs

    def count_unauthenticated(self, why: Refusal) -> None:
        """Count one request without a valid key."""
        with self._lock:
            self._unauthenticated[why.value] += 1

    def snapshot(self) -> dict[str, Any]:
        """All counts as JSON; buckets are not cumulative, the last one counts what is above the highest bound."""
        with self._lock:
            return {
                "counting_since": self._since,
                "requests": dict(self._requests),
                "durations": {
                    route: {"buckets": list(buckets), "sum": round(self._seconds[route], 6)}
                    for route, buckets in self._buckets.items()
                },
                "duration_bounds": list(REQUEST_BUCKETS),
                "rejected": dict(self._rejected),
                "unauthenticated": dict(self._unauthenticated),
            }
