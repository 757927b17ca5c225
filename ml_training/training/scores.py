"""Computes the published scores with scikit-learn; a score that is undefined on the given rows is None.

Several classes: f1, precision, recall, fpr and fnr are means over the classes for which they are defined (macro
average), roc_auc is the mean of each class against the rest, mcc is Gorodkin's generalisation (Computational Biology
and Chemistry 28, 2004). An undefined score never warns and never fails.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from ml_training.domain.specs import CLASSIFICATION_METRICS
from ml_training.domain.states import TaskKind

Scores = dict[str, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The predictions of a model for some rows.

    values: regression (rows,); classification (rows, classes), the larger the likelier, probabilities when
    `probabilistic`; positive: the code of the positive class, binary only.
    """

    task: TaskKind
    positive: int | None
    values: NDArray[np.float64]
    probabilistic: bool

    @property
    def labels(self) -> NDArray[np.int64]:
        """The likeliest class of each row; ties go to the lower code."""
        codes: NDArray[np.int64] = np.argmax(self.values, axis=1)
        return codes

    @property
    def classes(self) -> int:
        """How many classes the model knows."""
        return int(self.values.shape[1])


def score(y: NDArray[Any], predicted: Predictions) -> Scores:
    """Every score of the task, by name; `y`: class codes or numbers, aligned with the rows."""
    if predicted.task is TaskKind.REGRESSION:
        return _regression(y, predicted.values)
    return _classification(y, predicted)


def confusion(y: NDArray[Any], predicted: Predictions) -> NDArray[np.int64]:
    """Rows by true class (first axis) and predicted class (second axis)."""
    matrix: NDArray[np.int64] = metrics.confusion_matrix(y, predicted.labels, labels=np.arange(predicted.classes))
    return matrix


def roc_auc(y: NDArray[Any], predicted: Predictions) -> list[float | None]:
    """The area under the ROC curve of each class against the rest; binary: of the positive class only.

    It is the share of pairs, one row of the class and one of the rest, that are ranked correctly: the Mann-Whitney
    rank statistic (Hanley and McNeil, Radiology 143, 1982).
    """
    codes = range(predicted.classes) if predicted.positive is None else [predicted.positive]
    return [_one_roc_auc(y == code, predicted.values[:, code]) for code in codes]


def finite(value: float) -> float | None:
    """A number that JSON can hold, or None."""
    return float(value) if np.isfinite(value) else None


def _classification(y: NDArray[Any], predicted: Predictions) -> Scores:
    labels = predicted.labels
    counts = confusion(y, predicted)
    average: dict[str, Any] = {"average": "macro", "labels": np.arange(predicted.classes)}
    if predicted.positive is not None:
        average = {"average": "binary", "pos_label": predicted.positive}
    areas = [area for area in roc_auc(y, predicted) if area is not None]
    found = {
        "accuracy": metrics.accuracy_score(y, labels),
        "f1": metrics.f1_score(y, labels, zero_division=np.nan, **average),
        "precision": metrics.precision_score(y, labels, zero_division=np.nan, **average),
        "recall": metrics.recall_score(y, labels, zero_division=np.nan, **average),
        "roc_auc": np.mean(areas) if areas else np.nan,
        "mcc": _mcc(y, labels),
        "log_loss": _log_loss(y, predicted),
    } | _rates(counts, predicted.positive)
    return {name: finite(found[name]) for name in CLASSIFICATION_METRICS}


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


def _one_roc_auc(y: NDArray[np.bool_], ranking: NDArray[np.float64]) -> float | None:
    return finite(metrics.roc_auc_score(y, ranking)) if y.any() and not y.all() else None


def _mcc(y: NDArray[Any], labels: NDArray[np.int64]) -> float:
    # 0 / 0 when either side holds one class only; scikit-learn returns 0 there, which would look like chance.
    if (y == y[0]).all() or (labels == labels[0]).all():
        return float("nan")
    return float(metrics.matthews_corrcoef(y, labels))


def _log_loss(y: NDArray[Any], predicted: Predictions) -> float:
    if not predicted.probabilistic:
        return float("nan")
    return float(metrics.log_loss(y, predicted.values, labels=np.arange(predicted.classes)))


def _rates(counts: NDArray[np.int64], positive: int | None) -> dict[str, float]:
    hits, true, claimed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    fpr = ratio(claimed - hits, counts.sum() - true)
    fnr = ratio(true - hits, true)
    if positive is not None:
        return {"fpr": float(fpr[positive]), "fnr": float(fnr[positive])}
    return {"fpr": float(mean_of_defined(fpr)), "fnr": float(mean_of_defined(fnr))}


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """part / whole; NaN where the whole is 0."""
    result: NDArray[np.float64] = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return result


def mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the last axis without NaN values; NaN where no value is left."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), np.asarray(defined.sum(axis=-1)))
