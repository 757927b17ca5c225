"""Wraps a fitted scikit-learn pipeline as a model; stores it with skops, loads it from a fixed list of types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml_training.domain.states import TaskKind
from ml_training.training.canonical import canonical_skops
from ml_training.training.estimators.base import Importance
from ml_training.training.matrix import Matrix
from ml_training.training.threads import limit_threads


class PipelineModel:
    """A pipeline whose last step is the estimator; its input is the model matrix."""

    def __init__(self, pipeline: Pipeline, task: TaskKind, *, importance: Importance | None = None) -> None:
        self.probabilistic = task.is_classification and hasattr(pipeline, "predict_proba")
        self._pipeline = pipeline
        self._task = task
        self._importance = importance

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        # One joblib job: the threads of a forest would add the votes of its trees in another order each time.
        with limit_threads(threads, jobs=1):
            values: NDArray[Any]
            if self._task is TaskKind.REGRESSION:
                values = self._pipeline.predict(x)
            elif self.probabilistic:
                values = self._pipeline.predict_proba(x)
            else:
                values = self._pipeline.decision_function(x)
        return np.column_stack([-values, values]) if self._task is TaskKind.BINARY and values.ndim == 1 else values

    def dump(self) -> bytes:
        return canonical_skops(self._pipeline)

    def importance(self) -> Importance | None:
        """See Predictor; None for a loaded model: the importance is stored with the details of the model."""
        return self._importance


def load_pipeline(payload: bytes, task: TaskKind, *, trusted: Sequence[str]) -> PipelineModel:
    """The model that `dump` stored; raises skops' UntrustedTypesFoundException when it holds any other type."""
    return PipelineModel(skops.io.loads(payload, trusted=list(trusted)), task)
