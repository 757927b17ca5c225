"""Progress that events told since the last snapshot; it may only raise what the row says, within the same attempt."""

import threading
from collections.abc import Iterable
from enum import Enum, auto

from ml_training.db.stats import JobRow


class Told(Enum):
    """What an event said that is not known yet."""

    NOTHING = auto()
    PROGRESS = auto()
    ATTEMPT = auto()  # a job, or an attempt of it, that did not run in the last snapshot


class LiveProgress:
    """The latest progress, 0 to 1, of jobs that ran in the last snapshot; thread-safe and bounded by that snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[int, float]] = {}  # job: (attempt, progress)

    def snapshot(self, running: Iterable[JobRow]) -> None:
        """Follow these jobs from now on; what was told of another attempt is forgotten."""
        with self._lock:
            before = self._known
            self._known = {}
            for row in running:
                attempt, told = before.get(row.id, (row.attempt, 0.0))
                self._known[row.id] = (row.attempt, max(row.progress, told if attempt == row.attempt else 0.0))

    def offer(self, job_id: int, progress: float, *, attempt: int | None = None) -> Told:
        """Take news of a job."""
        with self._lock:
            known = self._known.get(job_id)
            if known is None or (attempt is not None and attempt > known[0]):
                return Told.ATTEMPT
            if attempt not in {None, known[0]} or not known[1] < progress <= 1.0:
                return Told.NOTHING
            self._known[job_id] = (known[0], progress)
            return Told.PROGRESS

    def of(self, row: JobRow) -> float:
        """The progress of a RUNNING job, 0 to 1."""
        attempt, progress = self._known.get(row.id, (row.attempt, 0.0))
        return max(row.progress, progress) if attempt == row.attempt else row.progress
