"""Turns the steps of consecutive stages into one fraction of the job and an ETA."""

import time
from collections.abc import Callable, Iterator

from ml_training.domain.errors import Interrupted
from ml_training.training.reporter import TrainingReporter


class StageProgress:
    """Reports progress through the stages of one job; the ETA comes from the rate measured in the current stage.

    >>> progress = StageProgress(reporter)
    >>> progress.stage("reading", until=0.2)              # reports 0.0
    >>> progress.stage("training", until=0.3, then=0.9)   # reports 0.2; 0.2 to 0.3 is the library's preparation
    >>> progress.step(1, 10, "round 1 of 10")             # reports 0.36: the ten rounds take 0.3 to 0.9
    >>> progress.finish("trained")                        # reports 1.0
    """

    def __init__(self, reporter: TrainingReporter, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.reporter = reporter
        self._clock = clock
        self._fraction = 0.0
        self._stage_start = 0.0
        self._stage_end = 0.0
        self._then: float | None = None
        self._prefix = ""
        self._anchor: tuple[float, float] | None = (clock(), 0.0)  # where the measured rate begins: time, fraction

    @property
    def fraction(self) -> float:
        """The share of the job that is done; at least the end of the previous stage."""
        return max(self._fraction, self._stage_end)

    def set_prefix(self, prefix: str) -> None:
        """Begin all later messages with `prefix` and a colon; empty: with nothing."""
        self._prefix = f"{prefix}: " if prefix else ""

    def stage(self, message: str, *, until: float, then: float | None = None) -> None:
        """Begin a stage that ends at the fraction `until`; raises Interrupted.

        With `then` the stage is preparation of unknown length: it ends at the first step, which begins the next stage,
        from `until` to `then`. The time of the preparation is left out of the measured rate.
        """
        self._stage_start, self._stage_end, self._then = self.fraction, until, then
        self._anchor = (self._clock(), self._stage_start)
        self._report(self._stage_start, message, eta_seconds=None)

    def step(self, done: float, total: float, message: str) -> None:
        """Report that `done` of `total` steps of the stage are done; raises Interrupted."""
        if self._then is not None:
            self._stage_start, self._stage_end, self._then, self._anchor = self._stage_end, self._then, None, None
        fraction = self._stage_start + min(done / total, 1.0) * (self._stage_end - self._stage_start)
        now = self._clock()
        if self._anchor is None:
            self._anchor = (now, fraction)
        # Later stages are assumed to run at the rate of this one: their shares of the job already reflect their time.
        seconds, moved = now - self._anchor[0], fraction - self._anchor[1]
        self._report(fraction, message, eta_seconds=seconds * (1.0 - fraction) / moved if moved > 0 else None)

    def finish(self, message: str) -> None:
        """Report that the job is done."""
        self._report(1.0, message, eta_seconds=0.0)

    def check(self) -> None:
        """Raise Interrupted if the reporter says stop."""
        reason = self.reporter.should_stop()
        if reason is not None:
            raise Interrupted(reason)

    def log(self, line: str) -> None:
        """Add one line to the job's log."""
        self.reporter.log(line)

    def _report(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        self.check()
        self._fraction = max(self._fraction, fraction)
        self.reporter.progress(self._fraction, self._prefix + message, eta_seconds=eta_seconds)


def slices(rows: int, *, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows that cover 0 to `rows`."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
