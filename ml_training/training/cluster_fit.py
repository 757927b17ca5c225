"""What the engine knows of a cluster: something that fits the model of a fold and returns its bytes."""

from collections.abc import Callable
from typing import Protocol

from ml_training.training.stage_progress import StageProgress

Record = Callable[..., None]  # `LearningCurve.record`


class ClusterFit(Protocol):
    """Fits on other machines, which read the rows themselves: the same spec and index give them the same plan."""

    def __call__(
        self, split: int | None, *, rows: int, rounds: int, squared: bool, progress: StageProgress, record: Record
    ) -> bytes:
        """The model as its family stores it, of the split with this number (from 1), or of the final fold.

        rows: how many it learns from; squared: whether the loss is the root of a mean of squares; record: called with
        the number of each round and its losses by part. Raises Interrupted, JobFailed, AttemptLost when what it runs
        on was lost, Unavailable when it is away.
        """
