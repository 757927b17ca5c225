"""Where a regression model is wrong: its errors over its predictions, and their distribution."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.training.scores import Predictions, finite

POINTS = 300
BINS = 20
GROUPS = 10
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
Array = NDArray[np.float64]


def residuals(y: NDArray[Any], predicted: Predictions) -> dict[str, Any]:
    """{"mean", "quantiles", "histogram", "by_prediction", "points"}: true values minus predictions, in data units.

    histogram: {"edges", "rows"}, between the first and last quantile; by_prediction: groups of equally many rows with
    the mean prediction, mean and spread of the residual; points: [prediction, residual] of rows at even ranks.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = y - predicted.values
    order = np.argsort(predicted.values, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, POINTS).astype(np.int64))]
    groups = [part for part in np.array_split(order, min(GROUPS, len(order))) if len(part)]
    return {
        "mean": _mean(error),
        "quantiles": {str(at): finite(float(np.quantile(error, at))) for at in QUANTILES},
        "histogram": _histogram(error),
        "by_prediction": [_group(predicted.values[part], error[part]) for part in groups],
        "points": [[finite(float(predicted.values[row])), finite(float(error[row]))] for row in shown],
    }


def _histogram(error: Array) -> dict[str, Any] | None:
    low, high = np.quantile(error, [QUANTILES[0], QUANTILES[-1]])
    if not (np.isfinite(low) and np.isfinite(high) and np.isfinite(high - low)) or low == high:
        return None
    counts, edges = np.histogram(error, bins=BINS, range=(float(low), float(high)))
    return {"edges": edges.tolist(), "rows": counts.tolist()}


def _group(predicted: Array, error: Array) -> dict[str, Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        spread = finite(float(np.std(error, ddof=1))) if len(error) > 1 else None
    return {"rows": len(error), "predicted": _mean(predicted), "mean": _mean(error), "spread": spread}


def _mean(values: Array) -> float | None:
    with np.errstate(over="ignore", invalid="ignore"):
        return finite(float(np.mean(values)))
