"""What the training code tells of its work, kept in memory until the lease thread carries it to the database."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ml_training.db.jobs import JobProgress
from ml_training.domain.errors import StopReason
from ml_training.execution.checkpoints import JobCheckpoints

BUFFER_CAP = 2_000  # events between two writes; beyond that the oldest go, the database keeps 5,000 a job anyway
LOG_LINE_CHARACTERS = 1_000

Event = tuple[str, dict[str, Any]]


class JobReporter:
    """The engine's `Reporter` for one attempt; called by the training thread, read by the lease thread."""

    def __init__(self, announce: Callable[[float, str], None], checkpoints: JobCheckpoints) -> None:
        self._announce = announce  # tells the event thread; must never block
        self._checkpoints = checkpoints
        self._lock = threading.Lock()
        self._fraction = 0.0
        self._message = "starting"
        self._eta: float | None = None
        self._features: int | None = None
        self._moved = False
        self._events: list[Event] = []
        self._stop: StopReason | None = None

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None = None) -> None:
        """`fraction` of the work is done; it never falls within an attempt. ETA in seconds, None while unknown."""
        with self._lock:
            self._fraction = min(1.0, max(self._fraction, fraction))
            self._message = message[:LOG_LINE_CHARACTERS]
            self._eta = eta_seconds
            self._moved = True
            fraction = self._fraction
        self._announce(fraction, message)

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """Scores after an iteration."""
        self._add("scores", {"iteration": iteration, **values})

    def log(self, line: str) -> None:
        """A line for the job's log."""
        self._add("log", {"line": line[:LOG_LINE_CHARACTERS]})

    def features(self, count: int) -> None:
        """How many features are used."""
        with self._lock:
            self._features, self._moved = count, True

    def should_stop(self) -> StopReason | None:
        """Why the work should end now; None to go on."""
        return self._stop

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        """Now and then, and whatever it costs before a worker that shuts down hands the job back."""
        is_due = affordable and self._stop is None and self._checkpoints.is_due()
        return is_due or self._stop is StopReason.DRAIN

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        """Store where the training stands."""
        self._checkpoints.keep(data, done=done)

    def ask_to_stop(self, reason: StopReason) -> bool:
        """Ask once; True for the first request. A lost fence overrides whatever was asked before."""
        is_news = self._stop is None or (reason is StopReason.FENCED and self._stop is not StopReason.FENCED)
        if is_news:
            self._stop = reason
        return is_news

    def has_moved(self) -> bool:
        """Whether there is progress that `snapshot`, or an event that `take_events` has not given out."""
        return self._moved or bool(self._events)

    def snapshot(self) -> JobProgress:
        """The progress to write."""
        with self._lock:
            self._moved = False
            return JobProgress(
                fraction=self._fraction, message=self._message, eta_seconds=self._eta, features_count=self._features
            )

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        with self._lock:
            taken, self._events = self._events, []
            return taken

    def put_back(self, events: list[Event]) -> None:
        """Events that could not be written go to the front again."""
        with self._lock:
            self._events = (events + self._events)[-BUFFER_CAP:]
            self._moved = True

    def _add(self, kind: str, body: dict[str, Any]) -> None:
        with self._lock:
            self._events.append((kind, body))
            if len(self._events) > BUFFER_CAP:
                del self._events[0]
