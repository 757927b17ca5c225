"""Keeps the errors of a model on held-out rows, for prediction intervals and prediction sets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.conformal import HeldOutErrors, kept_ranks
from ml_training.domain.states import TaskKind
from ml_training.training.prediction_sets import right_class_errors
from ml_training.training.scores import Predictions


def held_out_errors(y: NDArray[Any], predicted: Predictions) -> dict[str, Any] | None:
    """As it is stored; None when an error is no finite number."""
    if predicted.task is TaskKind.REGRESSION:
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.abs(predicted.values - y)
    else:
        errors = right_class_errors(y, predicted)
    if not np.isfinite(errors).all():
        return None
    errors, ranks = np.sort(errors), kept_ranks(len(errors))
    return HeldOutErrors(len(errors), ranks, [float(errors[rank - 1]) for rank in ranks]).to_json()
