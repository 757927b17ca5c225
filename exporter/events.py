"""Celery's event messages as kombu writes them on Redis, read without kombu; anything malformed is no event."""

import math
import threading
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from exporter.exposition import finite
from exporter.live import LiveProgress, Told
from ml_training.domain.queue_names import EVENT_CHANGED, EVENT_PROGRESS

LARGEST_MESSAGE = 4 << 20
LAG_WINDOW_SECONDS = 60.0
LONGEST_LAG_SECONDS = 86_400.0  # beyond a day it is a broken clock, not a lag
OTHER = "other"
_TASK = ("sent", "received", "started", "succeeded", "failed", "rejected", "revoked", "retried")
_WORKER = ("online", "heartbeat", "offline")
TYPES = (
    *(f"task-{name}" for name in _TASK),
    *(f"worker-{name}" for name in _WORKER),
    EVENT_PROGRESS,
    EVENT_CHANGED,
    OTHER,
)
NEWS = frozenset(
    {EVENT_CHANGED, "task-sent", "task-started", "task-succeeded", "task-failed", "worker-online", "worker-offline"}
)  # after these the database says something new; a permit is sent when a job was submitted


def decode(message: bytes) -> list[dict[str, Any]]:
    """The events of one message: one, a batch (`task.multi`), or none if it is not an event."""
    if len(message) > LARGEST_MESSAGE:
        return []
    try:
        body = orjson.loads(a2b_base64(orjson.loads(message)["body"]))
    except (ValueError, TypeError, KeyError):  # also what JSON, base64 and UTF-8 raise
        return []
    if type(body) is dict:
        return [body]
    return [event for event in body if type(event) is dict] if type(body) is list else []


class EventLog:
    """What is remembered of the events: counts by type, the worst lag of the last minute, live progress."""

    def __init__(self, live: LiveProgress, *, on_news: Callable[[], None], on_progress: Callable[[], None]) -> None:
        self._live = live
        self._on_news = on_news
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(TYPES, 0)
        self._lags: deque[tuple[float, float]] = deque()  # (second, worst lag in it)

    def counts(self) -> dict[str, int]:
        """Events by type since the start; `other` are unknown types and messages that could not be read."""
        with self._lock:
            return dict(self._counts)

    def lag(self, now: float) -> float | None:
        """The longest lag of the last minute, seconds; None if there was no event. `now` is Unix time."""
        with self._lock:
            return max((lag for second, lag in self._lags if now - second <= LAG_WINDOW_SECONDS), default=None)

    def take(self, messages: Sequence[bytes], now: float) -> None:
        """Read messages of the channel; never raises for what stands in them. `now` is Unix time."""
        counts = dict.fromkeys(TYPES, 0)
        oldest, told = math.inf, set()
        for message in messages:
            events = decode(message)
            if not events:
                counts[OTHER] += 1
            for event in events:
                kind = event.get("type")
                if type(kind) is not str or kind not in counts:
                    kind = OTHER
                counts[kind] += 1
                sent = event.get("timestamp")
                if (type(sent) is float or type(sent) is int) and now - LONGEST_LAG_SECONDS < sent < oldest:
                    oldest = sent
                if kind == EVENT_PROGRESS:
                    told.add(self._progress(event))
        self._note(counts, now, oldest)
        if Told.PROGRESS in told:
            self._on_progress()
        if Told.ATTEMPT in told or any(counts[kind] for kind in NEWS):
            self._on_news()

    def _note(self, counts: dict[str, int], now: float, oldest: float) -> None:
        with self._lock:
            for kind, count in counts.items():
                self._counts[kind] += count
            if oldest == math.inf:
                return
            second = math.floor(now)
            if not self._lags or self._lags[-1][0] != second:
                self._lags.append((second, 0.0))
                while self._lags[0][0] < second - LAG_WINDOW_SECONDS:
                    self._lags.popleft()
            # Never below 0, whatever the sender's clock says.
            self._lags[-1] = (second, max(self._lags[-1][1], now - oldest))

    def _progress(self, event: dict[str, Any]) -> Told:
        job_id, progress, attempt = event.get("job_id"), finite(event.get("progress")), event.get("attempt")
        if type(job_id) is not int or progress is None:
            return Told.NOTHING
        return self._live.offer(job_id, progress, attempt=attempt if type(attempt) is int else None)
