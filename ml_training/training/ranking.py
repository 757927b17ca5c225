"""Rows in the order of a class score: the curves of that class, and the area under its ROC curve, from one sort.

The numbers are those of scikit-learn, which sorts again for each of them and checks its input several times.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """For each different score, the highest first: how many rows of the class, and of the rest, score at least that.

    scores: the different scores; hits, false_alarms: whole numbers. All have the shape (scores,). There is at least one
    row of the class and one of the rest.
    """

    scores: Array
    hits: Array
    false_alarms: Array

    @property
    def roc(self) -> tuple[Array, Array]:
        """False and true positive rate, from (0, 0) to (1, 1), without points on a line between their neighbours."""
        kept = self._corners
        x, y = self.false_alarms[kept], self.hits[kept]
        return np.append(0.0, x) / x[-1], np.append(0.0, y) / y[-1]

    @property
    def roc_thresholds(self) -> Array:
        """The score from which on a row is taken for one of the class, for each point of `roc`; infinite at (0, 0)."""
        return np.append(np.inf, self.scores[self._corners])

    @property
    def _corners(self) -> NDArray[np.bool_]:
        x, y = self.false_alarms, self.hits
        if len(x) <= 2:
            return np.ones(len(x), dtype=np.bool_)
        corner = (np.diff(x, 2) != 0) | (np.diff(y, 2) != 0)
        return np.concatenate([[True], corner, [True]])

    @property
    def precision_recall(self) -> tuple[Array, Array]:
        """Precision and recall, from the lowest score to the highest, and the point (1, 0) at the end."""
        precision, recall = self.hits / (self.hits + self.false_alarms), self.hits / self.hits[-1]
        return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0)

    @property
    def area(self) -> float:
        """Under the ROC curve; the trapezoids in the order of the curve, as scikit-learn adds them up.

        It is the share of pairs, one row of the class and one of the rest, that are ranked correctly: the Mann-Whitney
        rank statistic (Hanley and McNeil, Radiology 143, 1982).
        """
        false_positive_rate, true_positive_rate = self.roc
        return float(trapezoid(true_positive_rate, false_positive_rate))


def descending(scores: Array) -> NDArray[np.int64]:
    """The positions of the scores, the highest first; equal scores in any order, which no result depends on."""
    order: NDArray[np.int64] = np.argsort(scores)[::-1]
    return order


def ranked(truth: NDArray[np.bool_], scores: Array, order: NDArray[np.int64]) -> Ranking | None:
    """The ranking; None when every row is of the class, or none. truth: whether a row is; order: see `descending`."""
    if truth.all() or not truth.any():
        return None
    ordered = scores[order]
    last_of_equals = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(truth[order], dtype=np.float64)[last_of_equals]
    return Ranking(ordered[last_of_equals], hits, 1.0 + last_of_equals - hits)
