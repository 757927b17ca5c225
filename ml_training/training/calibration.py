"""Fits the calibration of a classifier on the rows of the training part that were set aside for it."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from ml_training.domain.algorithms import ModelType
from ml_training.inference.calibration import (
    ISOTONIC,
    SIGMOID,
    Calibration,
    Curve,
    IsotonicCurve,
    SigmoidCurve,
    log_odds,
)
from ml_training.inference.fitted_model import ROWS_PER_BATCH
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.matrix import FeatureRows, Matrix, as_matrix
from ml_training.training.stage_progress import StageProgress, slices

# Means of votes are often exactly 0 or 1, far from all others in log-odds; so a sigmoid takes them as they are.
VOTING = frozenset({ModelType.RANDOM_FOREST, ModelType.EXTRA_TREES})
MOST_STEPS = 100
TINY = 1e-10  # of a gradient, for each row

Values = NDArray[np.float64]


def calibrated(
    model: LoadedModel,
    x: Matrix | FeatureRows,
    codes: NDArray[Any],
    *,
    method: str,
    cores: Cores,
    progress: StageProgress,
) -> LoadedModel:
    """The model with its calibration on these rows; raises Interrupted.

    codes: for each row the position of its class among those that the model knows.
    """
    found = []
    for part in slices(len(x), size=ROWS_PER_BATCH):
        found.append(model.predictor.predict(as_matrix(x[part]), threads=cores.granted()))
        progress.step(part.stop, len(x), f"{part.stop} of {len(x)} rows predicted")
    scores = np.concatenate(found).astype(np.float64, copy=False)
    columns = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    in_log_odds = model.predictor.probabilistic and model.model_type not in VOTING
    curves = tuple(_curve(scores[:, at], codes == at, method, in_log_odds) for at in columns)
    return replace(model, calibration=Calibration(method, curves))


def _curve(scores: Values, happened: NDArray[np.bool_], method: str, in_log_odds: bool) -> Curve:
    if method == ISOTONIC:
        least = 1.0 / (len(scores) + 2)  # Laplace's rule: no number of rows makes anything certain
        curve = IsotonicRegression(y_min=least, y_max=1.0 - least, out_of_bounds="clip")
        fitted = curve.fit(scores, happened.astype(np.float64))
        return IsotonicCurve(fitted.X_thresholds_, fitted.y_thresholds_)
    if method != SIGMOID:
        raise ValueError(f"the calibration {method!r} is not known")
    slope, intercept = fit_sigmoid(log_odds(scores) if in_log_odds else scores, happened)
    return SigmoidCurve(slope, intercept, in_log_odds)


def fit_sigmoid(scores: Values, happened: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept of the sigmoid with the least log loss, by Newton's method.

    The targets are Platt's: a little inside of 0 and 1, so that scores that tell the classes apart have a finite slope.
    """
    middle, spread = float(scores.mean()), float(scores.std())
    if not spread > 0:
        spread = 1.0
    z = (scores - middle) / spread
    positives, negatives = int(np.count_nonzero(happened)), int(np.count_nonzero(~happened))
    target = np.where(happened, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    at = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(MOST_STEPS):
        step = _newton_step(z, target, at)
        if step is None:
            break
        at = at - step
    slope = float(at[0]) / spread
    return slope, float(at[1]) - slope * middle


def _newton_step(z: Values, target: Values, at: Values) -> Values | None:
    """The step that lowers the loss; None at its minimum."""
    chances = 1.0 / (1.0 + np.exp(-(at[0] * z + at[1])))
    wrong, weight = chances - target, chances * (1.0 - chances)
    gradient = np.array([(wrong * z).sum(), wrong.sum()])
    if np.abs(gradient).max() <= TINY * len(z):
        return None
    a, b, d = float((weight * z * z).sum()) + TINY, float((weight * z).sum()), float(weight.sum()) + TINY
    size = a * d - b * b
    whole = np.array([d * gradient[0] - b * gradient[1], a * gradient[1] - b * gradient[0]]) / size
    before = _loss(z, target, at)
    for halved in range(40):
        step: Values = whole / 2.0**halved
        if _loss(z, target, at - step) < before:
            return step
    return None


def _loss(z: Values, target: Values, at: Values) -> float:
    line = at[0] * z + at[1]
    return float((np.logaddexp(0.0, line) - target * line).sum())
