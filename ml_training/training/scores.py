"""Computes the published scores, equal to scikit-learn's; a score that is undefined on the given rows is None.

The scores of a classification come from one confusion matrix and one sort for each class: scikit-learn's functions
count and sort again for each score, and took a third of a small job.

Several classes: f1, precision, recall, fpr and fnr are means over the classes for which they are defined (macro
average), roc_auc is the mean of each class against the rest, mcc is Gorodkin's generalisation (Computational Biology
and Chemistry 28, 2004). An undefined score never warns and never fails.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn import metrics

from ml_training.domain.score_names import CLASSIFICATION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.inference.fitted_model import likeliest
from ml_training.training.ranking import Ranking, descending, ranked

EPS = float(np.finfo(np.float64).eps)
Scores = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a model for some rows.

    values: regression (rows,); classification (rows, classes), the larger the likelier, probabilities when
    `probabilistic`; positive: the code of the positive class, binary only.
    """

    task: TaskKind
    positive: int | None
    values: NDArray[np.float64]
    probabilistic: bool

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The likeliest class of each row; ties go to the lower code."""
        return likeliest(self.values)

    @property
    def classes(self) -> int:
        """How many classes the model knows."""
        return int(self.values.shape[1])

    def ranking(self, y: NDArray[Any], code: int) -> Ranking | None:
        """The rows by their score for a class; None when all of them, or none, are of the class in `y`."""
        scores = self.values[:, code]
        return ranked(y == code, scores, self._positive_order if code == self.positive else descending(scores))

    @cached_property
    def _positive_order(self) -> NDArray[np.int64]:
        return descending(self.values[:, self.positive])


def score(y: NDArray[Any], predicted: Predictions) -> Scores:
    """Every score of the task, by name; `y`: class codes or numbers, aligned with the rows."""
    if predicted.task is TaskKind.REGRESSION:
        return _regression(y, predicted.values)
    return _classification(y, predicted)


def confusion(y: NDArray[Any], predicted: Predictions) -> NDArray[np.int64]:
    """Rows by true class (first axis) and predicted class (second axis)."""
    classes = predicted.classes
    counts = np.bincount(y * np.int64(classes) + predicted.labels, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64, copy=False)


def finite(value: float) -> float | None:
    """A number that JSON can hold, or None."""
    return float(value) if np.isfinite(value) else None


def _classification(y: NDArray[Any], predicted: Predictions) -> Scores:
    _check(predicted)
    counts, rows = confusion(y, predicted), len(y)
    hits, true, claimed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    by_class = {
        "f1": ratio(2 * hits, true + claimed),
        "precision": ratio(hits, claimed),
        "recall": ratio(hits, true),
        "fpr": ratio(claimed - hits, rows - true),
        "fnr": ratio(true - hits, true),
    }
    codes = range(predicted.classes) if predicted.positive is None else [predicted.positive]
    areas = [ranking.area for code in codes if (ranking := predicted.ranking(y, code)) is not None]
    found = {
        "accuracy": hits.sum() / rows,
        "roc_auc": np.mean(areas) if areas else np.nan,
        "mcc": _mcc(hits, true, claimed),
        "log_loss": _log_loss(y, predicted),
    } | {name: _over_classes(values, predicted.positive) for name, values in by_class.items()}
    return {name: finite(found[name]) for name in CLASSIFICATION_METRICS}


def _check(predicted: Predictions) -> None:
    """Raise ValueError for what is no prediction: a score of it would look like one of a bad model."""
    values = predicted.values
    if not len(values):
        raise ValueError("no rows to score")
    if not np.isfinite(values).all():
        raise ValueError("the model predicts values that are not finite")
    if predicted.probabilistic:
        if values.min() < 0 or values.max() > 1:
            raise ValueError("the model predicts probabilities outside 0 to 1")
        if not np.allclose(values.sum(axis=1), 1.0, rtol=np.sqrt(EPS)):
            warnings.warn("the probabilities of a row do not add up to 1", UserWarning, stacklevel=2)


def _regression(y: NDArray[Any], values: NDArray[np.float64]) -> Scores:
    some = y != 0
    with np.errstate(over="ignore", invalid="ignore"):
        varies = len(y) > 1 and bool(np.var(y) > 0)
        return {
            "rmse": finite(metrics.root_mean_squared_error(y, values)),
            "mae": finite(metrics.mean_absolute_error(y, values)),
            "r2": finite(metrics.r2_score(y, values)) if varies else None,
            "mape": finite(metrics.mean_absolute_percentage_error(y[some], values[some])) if some.any() else None,
        }


def _mcc(hits: NDArray[np.int64], true: NDArray[np.int64], claimed: NDArray[np.int64]) -> float:
    # 0 / 0 when either side holds one class only; scikit-learn returns 0 there, which would look like chance.
    right, of_class, predicted = (counts.astype(np.float64) for counts in (hits, true, claimed))
    rows = of_class.sum()
    spread = (rows**2 - predicted @ predicted) * (rows**2 - of_class @ of_class)
    return float((right.sum() * rows - of_class @ predicted) / np.sqrt(spread)) if spread > 0 else float("nan")


def _log_loss(y: NDArray[Any], predicted: Predictions) -> float:
    if not predicted.probabilistic:
        return float("nan")
    chosen = np.clip(predicted.values[np.arange(len(y)), y], EPS, 1 - EPS)
    return float(np.mean(-xlogy(1.0, chosen)))  # scikit-learn's logarithm: NumPy's own may differ in the last digit


def _over_classes(values: NDArray[np.float64], positive: int | None) -> float:
    return float(mean_of_defined(values) if positive is None else values[positive])


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """part / whole; NaN where the whole is 0."""
    result: NDArray[np.float64] = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return result


def mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the last axis without NaN values; NaN where no value is left."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), np.asarray(defined.sum(axis=-1)))
