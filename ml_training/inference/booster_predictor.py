"""Predicts with a LightGBM booster; loads one from LightGBM's text."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.states import TaskKind
from ml_training.inference.matrix import Matrix


class BoosterPredictor:
    """A booster, used up to `rounds`; all rounds when None."""

    def __init__(self, booster: Any, task: TaskKind, *, rounds: int | None = None) -> None:
        self.probabilistic = task.is_classification
        self._booster = booster
        self._task = task
        self._rounds = rounds

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """See MatrixPredictor."""
        raw: NDArray[Any] = np.asarray(self._booster.predict(x, num_iteration=self._rounds, num_threads=threads))
        return np.column_stack([1.0 - raw, raw]) if self._task is TaskKind.BINARY else raw


def load_booster(payload: bytes) -> Any:
    """The booster of LightGBM's text; a forged text can crash the process.

    Raises ImportError when LightGBM is not installed, OSError when the machine has no OpenMP runtime.
    """
    return importlib.import_module("lightgbm").Booster(model_str=payload.decode())
