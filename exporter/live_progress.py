"""Job progress from events, newer than the last snapshot: it may only raise a row's progress, in the same attempt."""

import threading
from collections.abc import Iterable
from enum import Enum, auto

from ml_training.db.stats import JobRow


class ProgressUpdate(Enum):
    """What became of the progress of an event."""

    IGNORED = auto()  # it is not newer than what is known
    APPLIED = auto()
    UNKNOWN_ATTEMPT = auto()  # of a job, or an attempt of it, that did not run in the last snapshot


class LiveProgress:
    """The latest progress, 0 to 1, of jobs that ran in the last snapshot; thread-safe and bounded by that snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[int, float]] = {}  # job: (attempt, progress)

    def follow(self, running: Iterable[JobRow]) -> None:
        """Follow these jobs from now on; the progress of other attempts is forgotten."""
        with self._lock:
            before = self._known
            self._known = {}
            for row in running:
                attempt, progress = before.get(row.id, (row.attempt, 0.0))
                self._known[row.id] = (row.attempt, max(row.progress, progress if attempt == row.attempt else 0.0))

    def update(self, job_id: int, progress: float, *, attempt: int | None = None) -> ProgressUpdate:
        """Take the progress of an event; `attempt` is None if the event does not name it."""
        with self._lock:
            known = self._known.get(job_id)
            if known is None or (attempt is not None and attempt > known[0]):
                return ProgressUpdate.UNKNOWN_ATTEMPT
            if attempt not in {None, known[0]} or not known[1] < progress <= 1.0:
                return ProgressUpdate.IGNORED
            self._known[job_id] = (known[0], progress)
            return ProgressUpdate.APPLIED

    def of(self, row: JobRow) -> float:
        """The progress of a RUNNING job, 0 to 1."""
        attempt, progress = self._known.get(row.id, (row.attempt, 0.0))
        return max(row.progress, progress) if attempt == row.attempt else row.progress
