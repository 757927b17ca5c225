"""The protocol between the engine and its caller: progress, scores, log lines, checkpoints and requests to stop."""

from collections.abc import Mapping
from typing import Protocol

from ml_training.domain.errors import StopReason


class TrainingReporter(Protocol):
    """Receives everything that the engine reports; the implementation throttles, stores and forwards it.

    Every call must return quickly.
    """

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        """`fraction` is in [0, 1] and never falls; the ETA is None until a rate has been measured."""

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """The losses after an iteration, counted from 1, such as {"train_log_loss": 0.4}."""

    def log(self, line: str) -> None:
        """Add one line to the job's log."""

    def features(self, count: int) -> None:
        """Set the number of features that the model uses."""

    def should_stop(self) -> StopReason | None:
        """Asked after every round, batch or epoch; a reason makes the engine raise Interrupted."""

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        """Asked after every round: whether to write a checkpoint; `affordable`: it would not slow the training down."""

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        """Store a checkpoint after `done` rounds; may take longer than other calls, and may fail without an error."""


class SilentReporter:
    """The TrainingReporter that ignores everything and never stops the engine."""

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        """Do nothing."""

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def log(self, line: str) -> None:
        """Do nothing."""

    def features(self, count: int) -> None:
        """Do nothing."""

    def should_stop(self) -> StopReason | None:
        """Never."""
        return None

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        """Never."""
        return False

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        """Do nothing."""
