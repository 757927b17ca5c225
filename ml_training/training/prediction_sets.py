"""Prediction sets: the classes that are likely enough for a row; and how often they hold the right class.

domain/conformal.py says which error a class may have at most.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.conformal import wanted_rank
from ml_training.domain.states import TaskKind
from ml_training.inference.fitted_model import ROWS_PER_BATCH
from ml_training.training.scores import Predictions
from ml_training.training.stage_progress import slices

CONFIDENCES = (0.8, 0.9, 0.95, 0.99)  # at which the sets of a model are measured
MOST_CLASSES = 100  # whose coverage is listed
Limits = NDArray[np.float64]  # (rows, 1): the largest error of each row


def prediction_sets(predicted: Predictions, largest_error: float | Limits) -> NDArray[np.bool_]:
    """Which classes are in the set of each row, (rows, classes); a set may have no class, or all of them."""
    values = predicted.values
    inside: NDArray[np.bool_] = _certain(values, predicted) - values <= largest_error
    return inside


def right_class_errors(y: NDArray[Any], predicted: Predictions) -> NDArray[np.float64]:
    """1 - the probability of the class that is right.

    Of a model without probabilities: how far the score of that class is below the largest one of the row.
    """
    errors: NDArray[np.float64] = _certain(predicted.values, predicted)[:, 0] - predicted.values[np.arange(len(y)), y]
    return errors


def set_coverage(y: NDArray[Any], predicted: Predictions, *, seed: int) -> list[dict[str, Any]] | None:
    """How often the sets hold the right class of held-out rows, and how large they are; None for a quantity.

    Each half of the rows, drawn with `seed`, has its sets by the errors of the other half. A confidence for which a
    half is too small is left out.
    """
    if predicted.task is TaskKind.REGRESSION:
        return None
    errors = right_class_errors(y, predicted)
    limits = _limits(errors, seed)
    return [_measured(y, predicted, errors, confidence, limit) for confidence, limit in limits.items()]


def _certain(values: NDArray[np.float64], predicted: Predictions) -> NDArray[np.float64]:
    """What the value of a class would be without any error, (rows, 1)."""
    return np.ones((len(values), 1)) if predicted.probabilistic else values.max(axis=1, keepdims=True)


def _limits(errors: NDArray[np.float64], seed: int) -> dict[float, Limits]:
    """By confidence the largest error of each row, which the rows of the other half say."""
    order = np.random.default_rng(seed).permutation(len(errors))
    halves = np.array_split(order, 2)
    found: dict[float, Limits] = {}
    for confidence in CONFIDENCES:
        limit = np.empty((len(errors), 1))
        for half, other in (halves, halves[::-1]):
            rank = wanted_rank(len(other), confidence)
            if rank > len(other):
                return found
            limit[half] = np.partition(errors[other], rank - 1)[rank - 1]
        found[confidence] = limit
    return found


def _measured(
    y: NDArray[Any], predicted: Predictions, errors: NDArray[np.float64], confidence: float, limit: Limits
) -> dict[str, Any]:
    covered, sizes = errors <= limit[:, 0], _sizes(predicted, limit)
    return {
        "confidence": confidence,
        "coverage": float(np.mean(covered)),
        "mean_size": float(np.mean(sizes)),
        "empty": float(np.mean(sizes == 0)),
        "coverage_by_class": _by_class(y, covered, classes=predicted.classes),
    }


def _by_class(y: NDArray[Any], covered: NDArray[np.bool_], *, classes: int) -> list[float | None] | None:
    """The coverage of the rows of each class, None for a class without rows; None for too many classes."""
    if classes > MOST_CLASSES:
        return None
    rows = np.bincount(y, minlength=classes)
    hits = np.bincount(y[covered], minlength=classes)
    return [int(hit) / int(count) if count else None for hit, count in zip(hits, rows, strict=True)]


def _sizes(predicted: Predictions, limit: Limits) -> NDArray[np.int64]:
    """How many classes are in the set of each row; a batch of rows at a time, since a copy of all would be large."""
    sizes = np.empty(len(limit), dtype=np.int64)
    for part in slices(len(limit), size=ROWS_PER_BATCH):
        some = Predictions(predicted.task, predicted.positive, predicted.values[part], predicted.probabilistic)
        sizes[part] = prediction_sets(some, limit[part]).sum(axis=1)
    return sizes
