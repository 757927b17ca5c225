"""The rows that a model is looked at on, and predictions for changed copies of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.fitted_model import ROWS_PER_BATCH
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.matrix import Matrix
from ml_training.training.scores import Predictions
from ml_training.training.stage_progress import StageProgress, slices


@dataclass(frozen=True, slots=True, eq=False)
class SampledRows:
    """Rows as a model sees them: `x` of shape (rows, features), and `y`, class codes or numbers, aligned with it."""

    model: LoadedModel
    x: Matrix
    y: NDArray[Any]
    cores: Cores
    progress: StageProgress

    def at_most(self, rows: int) -> "SampledRows":
        """These rows, or as many of them at even distances, as a copy that may be changed."""
        at = np.unique(np.linspace(0, len(self.y) - 1, min(rows, len(self.y))).astype(np.int64))
        return SampledRows(self.model, np.asfortranarray(self.x[at]), self.y[at], self.cores, self.progress)

    def predict(self) -> Predictions:
        """What the model says about the rows as they are now; raises Interrupted."""
        parts = []
        for part in slices(len(self.y), size=ROWS_PER_BATCH):
            self.progress.check()
            parts.append(self.model.predictions(self.x[part], threads=self.cores.granted()))
        first = parts[0]
        if len(parts) == 1:
            return first
        return Predictions(
            first.task, first.positive, np.concatenate([part.values for part in parts]), first.probabilistic
        )
