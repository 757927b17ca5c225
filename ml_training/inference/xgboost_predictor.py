"""Predicts with an XGBoost booster; loads one from XGBoost's UBJSON."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.states import TaskKind
from ml_training.inference.matrix import Matrix


class XGBoostPredictor:
    """A booster, used up to `rounds`; all rounds when None."""

    def __init__(self, booster: Any, task: TaskKind, *, rounds: int | None = None) -> None:
        self.probabilistic = task.is_classification
        self._booster = booster
        self._task = task
        self._rounds = rounds or 0  # 0: all of them

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """See MatrixPredictor."""
        self._booster.set_param({"nthread": threads})
        found = self._booster.inplace_predict(x, iteration_range=(0, self._rounds), validate_features=False)
        values: NDArray[np.float64] = np.asarray(found, dtype=np.float64)
        if self._task is TaskKind.BINARY:
            return np.column_stack([1.0 - values, values])
        # In single precision probabilities add up to one only to seven digits.
        return values / values.sum(axis=1, keepdims=True) if self._task is TaskKind.MULTICLASS else values


def load_booster(payload: bytes) -> Any:
    """The booster of XGBoost's UBJSON; forged bytes can crash the process.

    Raises ImportError when XGBoost is not installed, OSError when the machine has no OpenMP runtime, ValueError when
    the bytes are no booster.
    """
    if not payload:
        raise ValueError("the booster has no bytes")  # XGBoost 3.2 ends the process
    return library().Booster(params={"verbosity": 0}, model_file=bytearray(payload))


def library() -> Any:
    """The package; raises ImportError when it is not installed, OSError when its library cannot be loaded.

    Imported when it is needed: it takes 0.5 s and 20 MB, and most jobs train something else.
    """
    try:
        return importlib.import_module("xgboost")
    except ImportError:
        raise
    except Exception as error:  # XGBoostError and XGBoostLibraryNotFound, which have no name before the import
        raise OSError(f"XGBoost cannot be loaded: {error}") from error
