"""The base line beside a model's scores: a prediction that uses no feature, scored on the same held-out rows.

Classification: each class with its share of the training part, so the answer is its commonest class; regression: the
mean of the training part. Equal to scikit-learn's `DummyClassifier(strategy="prior")` and `DummyRegressor()`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.labels import Labels
from ml_training.selection.split import Positions
from ml_training.training.scores import Predictions, Scores, score


def baseline_scores(labels: Labels, *, train: Positions, held_out: Positions) -> Scores:
    """The scores of the base line of one split; `train`, `held_out`: positions into the labelled rows."""
    prediction = _prediction(labels, labels.y[train])
    # One row for all: a copy for each row would need the memory of the predictions of the model once more.
    values = np.broadcast_to(prediction, (len(held_out), *prediction.shape))
    probabilistic = labels.classes is not None
    return score(labels.y[held_out], Predictions(labels.task, labels.positive, values, probabilistic))


def _prediction(labels: Labels, y: NDArray[Any]) -> NDArray[np.float64]:
    if labels.classes is None:
        largest = float(np.abs(y).max())
        unit = 2.0 ** np.floor(np.log2(largest)) if largest > 1 else 1.0  # exact to divide by; a sum may overflow
        mean: NDArray[np.float64] = np.average(y[:, None] / unit, axis=0)[0] * unit  # adds in scikit-learn's order
        return mean
    shares: NDArray[np.float64] = np.bincount(y, minlength=len(labels.classes)) / len(y)
    return shares
