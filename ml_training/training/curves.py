"""Curves with few enough points to plot: ROC, precision-recall, and the loss after each iteration."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.training.reporter import TrainingReporter
from ml_training.training.scores import Predictions, finite

POINTS = 200
ITERATIONS = 1_000
Curve = dict[str, Any]


class LearningCurve:
    """The loss after each iteration, on the rows to learn from and on others; reports each new point."""

    def __init__(self, metric: str, reporter: TrainingReporter, *, unit: float = 1.0, split: int | None = None) -> None:
        self.metric = metric
        self._reporter = reporter
        self._split = {} if split is None else {"split": float(split)}  # counted from 1
        self._unit = unit  # one unit of the model's target in the units of the data
        self._losses: dict[str, list[float | None]] = {}

    @property
    def losses(self) -> dict[str, list[float | None]]:
        """The losses so far by part, in the units of the data; None where a loss was not finite."""
        return self._losses

    def resume(self, losses: Mapping[str, Sequence[float | None]]) -> None:
        """Continue the curve of an earlier attempt; its iterations are not reported again."""
        self._losses = {part: list(values) for part, values in losses.items()}

    def record(self, iteration: int, **losses: float) -> None:
        """Add an iteration, counted from 1, with one loss for each part; the parts are the same every time."""
        scaled = {part: loss * self._unit for part, loss in losses.items()}
        known = {part: loss for part, loss in scaled.items() if np.isfinite(loss)}
        for part, loss in scaled.items():
            self._losses.setdefault(part, []).append(float(loss) if part in known else None)
        reported = {f"{part}_{self.metric}": float(loss) for part, loss in known.items()}
        self._reporter.scores(iteration, self._split | reported)

    def to_json(self, *, at_most: int = ITERATIONS) -> Curve | None:
        """At most `at_most` iterations, evenly spaced, first and last included; None when there are none."""
        if not self._losses:
            return None
        count = len(next(iter(self._losses.values())))
        kept = np.unique(np.linspace(0, count - 1, min(count, at_most)).astype(int))
        losses = {part: [values[at] for at in kept] for part, values in self._losses.items()}
        return {"metric": self.metric, "iteration": [int(at) + 1 for at in kept], **losses}


def classification_curves(y: NDArray[Any], predicted: Predictions) -> dict[str, Curve]:
    """ROC and precision-recall of the positive class; empty without one, or when `y` holds one class only.

    `threshold` of the ROC curve: the score from which on a row is taken for positive, null where none is.
    """
    if predicted.positive is None:
        return {}
    ranking = predicted.ranking(y, predicted.positive)
    if ranking is None:
        return {}
    fpr, tpr = ranking.roc
    precision, recall = ranking.precision_recall
    roc = _thinned(fpr=fpr, tpr=tpr, beside={"threshold": ranking.roc_thresholds})
    return {"roc": roc, "precision_recall": _thinned(recall=recall, precision=precision)}


def _thinned(*, beside: Mapping[str, NDArray[np.float64]] | None = None, **axes: NDArray[np.float64]) -> Curve:
    """At most `POINTS` points, evenly spaced along the line, so that steep parts keep their shape.

    beside: further values of each point, null where they are not finite; they have no part in the spacing.
    """
    line = np.stack(list(axes.values()))
    kept: NDArray[np.int64] = np.arange(line.shape[1])
    if line.shape[1] > POINTS:
        length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(line, axis=1)).sum(axis=0))])
        wanted = np.linspace(0.0, length[-1], POINTS)
        kept = np.unique(np.append(np.searchsorted(length, wanted[:-1]), line.shape[1] - 1))
    points = {name: [float(value) for value in values[kept]] for name, values in zip(axes, line, strict=True)}
    return points | {name: [finite(float(value)) for value in values[kept]] for name, values in (beside or {}).items()}
