"""How the engine says where it stands, and how it is told to stop."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from ml_training.domain.errors import Interrupted, StopReason


class Reporter(Protocol):
    """The engine's only way out; the caller throttles, stores and forwards. Every call must return quickly."""

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        """`fraction` is in [0, 1] and never falls; the ETA is None as long as nothing could be measured."""

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """Losses after an iteration, counted from 1, such as {"train_log_loss": 0.4}."""

    def log(self, line: str) -> None:
        """One line for the job's log."""

    def features(self, count: int) -> None:
        """How many features the model uses."""

    def should_stop(self) -> StopReason | None:
        """Asked after every round, batch or epoch; a reason makes the engine raise Interrupted."""

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        """Asked after every round: whether to keep where the training stands; `affordable`: without slowing it."""

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        """Keep a checkpoint after `done` rounds; may take its time, and may fail in silence."""


class SilentReporter:
    """Says nothing and never stops."""

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        """Nothing."""

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def log(self, line: str) -> None:
        """Nothing."""

    def features(self, count: int) -> None:
        """Nothing."""

    def should_stop(self) -> StopReason | None:
        """Never."""
        return None

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        """Never."""
        return False

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        """Nothing."""


class Progress:
    """Steps of consecutive stages as one fraction of the job, with its ETA from the rate measured in the stage."""

    def __init__(self, reporter: Reporter, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.reporter = reporter
        self._clock = clock
        self._fraction = 0.0
        self._stage_start = 0.0
        self._stage_end = 0.0
        self._then: float | None = None
        self._label = ""
        self._anchor: tuple[float, float] | None = (clock(), 0.0)

    @property
    def fraction(self) -> float:
        """The share of the job that is done, or that the stage before ended with."""
        return max(self._fraction, self._stage_end)

    def within(self, label: str) -> None:
        """What the messages begin with from now on; nothing when empty."""
        self._label = f"{label}: " if label else ""

    def stage(self, message: str, *, until: float, then: float | None = None) -> None:
        """Begin a stage that ends at the fraction `until`; raises Interrupted.

        With `then` the first step begins the next one, up to there: what went before it was preparation.
        """
        self._stage_start, self._stage_end, self._then = self.fraction, until, then
        self._anchor = (self._clock(), self._stage_start)
        self._report(self._stage_start, message, eta_seconds=None)

    def step(self, done: float, total: float, message: str) -> None:
        """`done` of `total` steps of the stage are behind us; raises Interrupted."""
        if self._then is not None:
            self._stage_start, self._stage_end, self._then, self._anchor = self._stage_end, self._then, None, None
        fraction = self._stage_start + min(done / total, 1.0) * (self._stage_end - self._stage_start)
        now = self._clock()
        if self._anchor is None:
            self._anchor = (now, fraction)
        # The rate of this stage stands for those to come: their shares of the job say how long each takes.
        since, moved = now - self._anchor[0], fraction - self._anchor[1]
        self._report(fraction, message, eta_seconds=since * (1.0 - fraction) / moved if moved > 0 else None)

    def finish(self, message: str) -> None:
        """The job is done."""
        self._report(1.0, message, eta_seconds=0.0)

    def check(self) -> None:
        """Raise Interrupted when asked to stop."""
        reason = self.reporter.should_stop()
        if reason is not None:
            raise Interrupted(reason)

    def log(self, line: str) -> None:
        """One line for the job's log."""
        self.reporter.log(line)

    def _report(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        self.check()
        self._fraction = max(self._fraction, fraction)
        self.reporter.progress(self._fraction, self._label + message, eta_seconds=eta_seconds)


def slices(rows: int, *, of: int) -> Iterator[slice]:
    """0 ... rows in consecutive slices of at most `of` rows."""
    return (slice(start, min(start + of, rows)) for start in range(0, rows, of))
