"""Reads Celery's event messages from Redis without kombu, which wrote them; a malformed message is no event."""

import math
import threading
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from exporter.exposition import finite
from exporter.live_progress import LiveProgress, ProgressUpdate
from ml_training.domain.queue_names import EVENT_PROGRESS

MAX_MESSAGE_BYTES = 4 << 20
LAG_WINDOW_SECONDS = 60.0
MAX_LAG_SECONDS = 86_400.0  # beyond a day it is a broken clock, not a lag
OTHER = "other"
_TASK_EVENTS = ("sent", "received", "started", "succeeded", "failed", "rejected", "revoked", "retried")
_WORKER_EVENTS = ("online", "heartbeat", "offline")
TYPES = (
    *(f"task-{name}" for name in _TASK_EVENTS),
    *(f"worker-{name}" for name in _WORKER_EVENTS),
    EVENT_PROGRESS,
    "task-changed",  # nothing sends it any more; its series stays, because the label values are part of the page
    OTHER,
)
# Sent when rows of the database have probably changed: a child was woken by a permit, or has run what was due.
SNAPSHOT_EVENTS = frozenset(
    {"task-sent", "task-started", "task-succeeded", "task-failed", "worker-online", "worker-offline"}
)


def decode(message: bytes) -> list[dict[str, Any]]:
    """The events of one message: one, a batch (`task.multi`), or none if it is not an event."""
    if len(message) > MAX_MESSAGE_BYTES:
        return []
    try:
        body = orjson.loads(a2b_base64(orjson.loads(message)["body"]))
    except (ValueError, TypeError, KeyError):  # also what JSON, base64 and UTF-8 raise
        return []
    if type(body) is dict:
        return [body]
    return [event for event in body if type(event) is dict] if type(body) is list else []


class EventConsumer:
    """Takes counts by type, the longest lag of the last minute and live progress from events, and forgets the rest.

    `on_change` is called when the database is likely to have changed, `on_progress` when only the live progress has.
    """

    def __init__(
        self, live_progress: LiveProgress, *, on_change: Callable[[], None], on_progress: Callable[[], None]
    ) -> None:
        self._live_progress = live_progress
        self._on_change = on_change
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(TYPES, 0)
        self._lags: deque[tuple[float, float]] = deque()  # (second, longest lag in it)

    def counts(self) -> dict[str, int]:
        """Events by type since the start; `other` are unknown types and messages that could not be read."""
        with self._lock:
            return dict(self._counts)

    def lag(self, now: float) -> float | None:
        """The longest lag of the last minute, seconds; None if there was no event. `now` is Unix time."""
        with self._lock:
            return max((lag for second, lag in self._lags if now - second <= LAG_WINDOW_SECONDS), default=None)

    def consume(self, messages: Sequence[bytes], now: float) -> None:
        """Read messages of the channel; never raises for their content. `now` is Unix time."""
        counts = dict.fromkeys(TYPES, 0)
        oldest, updates = math.inf, set()
        for message in messages:
            events = decode(message)
            if not events:
                counts[OTHER] += 1
            for event in events:
                event_type = event.get("type")
                if type(event_type) is not str or event_type not in counts:
                    event_type = OTHER
                counts[event_type] += 1
                sent = event.get("timestamp")
                if (type(sent) is float or type(sent) is int) and now - MAX_LAG_SECONDS < sent < oldest:
                    oldest = sent
                if event_type == EVENT_PROGRESS:
                    updates.add(self._update_progress(event))
        self._record(counts, now, oldest)
        if ProgressUpdate.APPLIED in updates:
            self._on_progress()
        if ProgressUpdate.UNKNOWN_ATTEMPT in updates or any(counts[name] for name in SNAPSHOT_EVENTS):
            self._on_change()

    def _record(self, counts: dict[str, int], now: float, oldest: float) -> None:
        with self._lock:
            for event_type, count in counts.items():
                self._counts[event_type] += count
            if oldest == math.inf:
                return
            second = math.floor(now)
            if not self._lags or self._lags[-1][0] != second:
                self._lags.append((second, 0.0))
                while self._lags[0][0] < second - LAG_WINDOW_SECONDS:
                    self._lags.popleft()
            # Never below 0, also when the sender's clock is ahead.
            self._lags[-1] = (second, max(self._lags[-1][1], now - oldest))

    def _update_progress(self, event: dict[str, Any]) -> ProgressUpdate:
        job_id, progress, attempt = event.get("job_id"), finite(event.get("progress")), event.get("attempt")
        if type(job_id) is not int or progress is None:
            return ProgressUpdate.IGNORED
        return self._live_progress.update(job_id, progress, attempt=attempt if type(attempt) is int else None)
