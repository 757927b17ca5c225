"""Celery's event messages as kombu writes them on Redis, read without kombu; anything malformed is no event."""

import base64
import binascii
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from exporter.exposition import finite
from exporter.live import LiveProgress
from ml_training.domain.messages import EVENT_CHANGED, EVENT_PROGRESS

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
_KNOWN = frozenset(TYPES)
NEWS = frozenset(
    {EVENT_CHANGED, "task-sent", "task-started", "task-succeeded", "task-failed", "worker-online", "worker-offline"}
)  # after these the database says something new; a permit is sent when a job was submitted


def decode(message: bytes) -> list[dict[str, Any]]:
    """The events of one message: one, a batch (`task.multi`), or none if it is not an event."""
    if len(message) > LARGEST_MESSAGE:
        return []
    try:
        envelope = orjson.loads(message)
        body = orjson.loads(base64.b64decode(envelope["body"]))
    except (ValueError, TypeError, KeyError, binascii.Error):
        return []
    events = body if isinstance(body, list) else [body]
    return [event for event in events if isinstance(event, dict)]


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

    def take(self, message: bytes, *, now: float) -> None:
        """Read one message of the channel; never raises for what stands in it. `now` is Unix time."""
        events = decode(message)
        kinds = [_kind(event) for event in events] or [OTHER]
        with self._lock:
            for kind in kinds:
                self._counts[kind] += 1
            for event in events:
                self._note_lag(event.get("timestamp"), now)
        if sum(self._progress(event) for event, kind in zip(events, kinds, strict=False) if kind == EVENT_PROGRESS):
            self._on_progress()
        if not NEWS.isdisjoint(kinds):
            self._on_news()

    def _note_lag(self, sent: object, now: float) -> None:
        at = finite(sent)
        if at is None or now - at > LONGEST_LAG_SECONDS:
            return
        second = math.floor(now)
        if not self._lags or self._lags[-1][0] != second:
            self._lags.append((second, 0.0))
            while self._lags[0][0] < second - LAG_WINDOW_SECONDS:
                self._lags.popleft()
        self._lags[-1] = (second, max(self._lags[-1][1], now - at))  # never below 0, whatever the sender's clock says

    def _progress(self, event: dict[str, Any]) -> bool:
        job_id, progress, attempt = event.get("job_id"), finite(event.get("progress")), event.get("attempt")
        if type(job_id) is not int or progress is None:
            return False
        return self._live.offer(job_id, progress, attempt=attempt if type(attempt) is int else None)


def _kind(event: dict[str, Any]) -> str:
    kind = event.get("type")
    return kind if isinstance(kind, str) and kind in _KNOWN else OTHER
