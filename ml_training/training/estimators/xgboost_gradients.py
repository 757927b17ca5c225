"""First and second derivatives of XGBoost's losses, such that their sums do not depend on the number of threads.

XGBoost's threads add up the float32 derivatives of their rows in float64, and then the sums of the threads: so the last
digit of a sum depends on their number, and with it, now and then, a digit of a leaf or the choice of a split. Here each
derivative is a whole multiple of a power of 2 that is so large that a float64 holds every sum exactly. With a million
rows the multiples are still 256 times finer than the float32 numbers near the largest derivative.

The losses are those of XGBoost (src/objective/regression_loss.h and multiclass_obj.cu).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from ml_training.domain.states import TaskKind
from ml_training.training.stage_progress import slices

SUM_BITS = 52  # whole numbers up to 2 ** 53 are exact in float64; one bit is left
LEAST_HESSIAN = 1e-16
CELLS_PER_PART = 1 << 18  # in float64: 2 MB

Floats = NDArray[np.float32]


class Gradients:
    """The derivatives of a loss at the rows of a data set, weights included."""

    def __init__(self, task: TaskKind, y: NDArray[Any], weights: NDArray[np.float64] | None) -> None:
        self._task = task
        self._y = np.asarray(y, dtype=np.float32 if task is TaskKind.REGRESSION else np.int64)
        self._weights = weights

    def at(self, margin: Floats) -> tuple[Floats, Floats]:
        """The derivatives by the raw scores `margin`, of its shape: (rows,), or (rows, classes) for several classes."""
        first, second = np.empty_like(margin), np.empty_like(margin)
        for part in slices(len(margin), size=max(1, CELLS_PER_PART * len(margin) // margin.size)):
            found: tuple[NDArray[Any], NDArray[Any]] = self._of_part(margin[part], self._y[part])
            if self._weights is not None:
                weights = self._weights[part] if margin.ndim == 1 else self._weights[part, np.newaxis]
                found = (found[0] * weights, found[1] * weights)
            first[part], second[part] = found
        return with_exact_sums(first), with_exact_sums(second)

    def _of_part(self, margin: Floats, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        if self._task is TaskKind.REGRESSION:
            return margin - y, np.ones_like(margin)
        raw = margin.astype(np.float64)
        if self._task is TaskKind.BINARY:
            chance = expit(raw)
            return chance - y, np.maximum(chance * (1.0 - chance), LEAST_HESSIAN)
        chance = softmax(raw, axis=1)
        second = np.maximum(2.0 * chance * (1.0 - chance), LEAST_HESSIAN)
        chance[np.arange(len(y)), y] -= 1.0
        return chance, second


def with_exact_sums(values: Floats) -> Floats:
    """Round the values in place so that every sum over some of their rows is exact in float64.

    >>> with_exact_sums(np.array([1.0, 1e-30], dtype=np.float32)).tolist()
    [1.0, 0.0]
    """
    largest = float(np.abs(values).max())
    if largest == 0.0 or not math.isfinite(largest):
        return values
    unit = math.frexp(largest)[1] + math.frexp(len(values))[1] - SUM_BITS  # as a power of 2
    rounder = math.ldexp(1.5, unit + 52)  # next to it the numbers of float64 are 2 ** unit apart
    for part in slices(len(values), size=max(1, CELLS_PER_PART * len(values) // values.size)):
        values[part] = (values[part].astype(np.float64) + rounder) - rounder
    return values
