"""Predicts with a fitted scikit-learn pipeline; loads one from skops' format with a fixed list of types.

A stored pipeline begins with the steps that turn a user's frame into the model matrix, and its estimator names the
classes and scales the target back. Here the steps after them get the matrix itself.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.states import TaskKind
from ml_training.inference.matrix import Matrix
from ml_training.inference.threads import limit_threads

FRAME_STEPS = ("columns", "order")  # see training/estimators/frame_steps.py
PART_CELLS = 1 << 17  # of a product: few calls for many rows, and little work for a row alone
PART_ROWS = (1 << 6, 1 << 13)  # powers of 2, which every BLAS divides without a rest
TRUSTED: Mapping[str, tuple[str, ...]] = {
    "random_forest": ("numpy.dtype", "sklearn.tree._tree.Tree"),
    "extra_trees": ("numpy.dtype", "sklearn.tree._tree.Tree"),
    "hist_gradient_boosting": (
        "functools.partial",  # of check_array only: skops asks for trust in that function separately
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    ),
    "logistic_regression": ("numpy.dtype",),
    "ridge": ("numpy.dtype",),
    "mlp": ("numpy.dtype",),
}


class PipelinePredictor:
    """A pipeline whose last step is the estimator; its input is the model matrix."""

    def __init__(self, pipeline: Pipeline, task: TaskKind) -> None:
        self.probabilistic = task.is_classification and hasattr(pipeline, "predict_proba")
        self._pipeline = pipeline
        self._task = task

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """See MatrixPredictor."""
        # One joblib job: the threads of a forest would add the votes of its trees in another order each time.
        # The library adds huge numbers up to see whether all are finite, and looks closer when the sum is not.
        with limit_threads(threads, jobs=1), np.errstate(over="ignore", invalid="ignore"):
            values = self._values(x)
        return np.column_stack([-values, values]) if self._task is TaskKind.BINARY and values.ndim == 1 else values

    def _values(self, x: Matrix) -> NDArray[Any]:
        estimator = self._pipeline[-1]
        if self._task is TaskKind.REGRESSION:
            method = "predict"
        else:
            method = "predict_proba" if self.probabilistic else "decision_function"
        values: NDArray[Any]
        if not (hasattr(estimator, "coef_") or hasattr(estimator, "coefs_")):
            # NumPy adds up a row alone in another order than the same row among others.
            values = getattr(self._pipeline, method)(x if len(x) > 1 else np.repeat(x, 2, axis=0))[: len(x)]
            return values
        encoded = self._pipeline[:-1].transform(x) if len(self._pipeline) > 1 else x
        return _in_equal_parts(getattr(estimator, method), encoded)


def _in_equal_parts(predict: Any, x: NDArray[Any]) -> NDArray[Any]:
    """What `predict` says of each row, called with the same number of rows each time; zeros fill up the last part.

    BLAS adds the terms of a product in an order that depends on the number of rows: without equal parts, a row alone
    has another last digit than the same row among others.
    """
    rows = _part_rows(x.shape[1])
    found = []
    for start in range(0, len(x), rows):
        part = np.ascontiguousarray(x[start : start + rows])
        if len(part) < rows:
            part = np.concatenate([part, np.zeros((rows - len(part), x.shape[1]), dtype=x.dtype)])
        found.append(predict(part))
    return np.concatenate(found)[: len(x)]


def _part_rows(columns: int) -> int:
    """The power of 2 that makes a part of about PART_CELLS; it depends on the model alone."""
    least, most = PART_ROWS
    wanted = max(1, PART_CELLS // columns)
    return int(min(max(1 << (wanted.bit_length() - 1), least), most))


def load_pipeline(payload: bytes, model_type: str) -> Pipeline:
    """The steps of a stored pipeline that take the model matrix.

    Raises skops' UntrustedTypesFoundException when it holds a type that no model of this kind has, TypeError when it
    holds no pipeline. Warns as scikit-learn does when another version of it has written the bytes.
    """
    stored = skops.io.loads(payload, trusted=list(TRUSTED[model_type]))
    if not isinstance(stored, Pipeline):
        raise TypeError(f"a pipeline is needed, and this is a {type(stored).__name__}")
    steps = [(name, step) for name, step in stored.steps if name not in FRAME_STEPS]
    name, last = steps[-1]
    if isinstance(last, TransformedTargetRegressor):
        steps[-1] = (name, last.regressor_)
    return Pipeline(steps)
