"""What the probabilities of a classifier are worth: calibration, decisions at thresholds, lift."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.explain_spec import ErrorCosts
from ml_training.training.scores import Predictions, finite

BINS = 10
Z = 1.959964  # of the normal distribution, for 95 % of it
THRESHOLDS = (0.01, *(round(0.05 * step, 2) for step in range(1, 20)), 0.99)
QUANTILES = np.linspace(0.0, 1.0, len(THRESHOLDS))
Array = NDArray[np.float64]


def calibration(y: NDArray[Any], predicted: Predictions) -> dict[str, Any] | None:
    """Predicted and true shares in bins of equally many rows; None without probabilities.

    {"of", "brier", "expected_error", "bins": [{"rows", "predicted", "observed", "low", "high"}]}. of: the positive
    class, or with several classes the likeliest one of each row; brier: the mean squared error of that probability
    (Brier, Monthly Weather Review 78, 1950); expected_error: the mean distance of both shares, weighted by rows; low
    and high: Wilson's 95 % interval of the true share (Journal of the American Statistical Association 22, 1927).
    """
    if not predicted.probabilistic:
        return None
    chance, happened = _chances(y, predicted)
    order = np.argsort(chance, kind="stable")
    bins = [_bin(chance[part], happened[part]) for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    distance = sum(one["rows"] * abs(one["predicted"] - one["observed"]) for one in bins) / len(y)
    return {
        "of": "positive" if predicted.positive is not None else "likeliest",
        "brier": finite(float(np.mean((chance - happened) ** 2))),
        "expected_error": finite(distance),
        "bins": bins,
    }


def _chances(y: NDArray[Any], predicted: Predictions) -> tuple[Array, Array]:
    if predicted.positive is not None:
        return predicted.values[:, predicted.positive], (y == predicted.positive).astype(np.float64)
    labels = predicted.labels
    return predicted.values[np.arange(len(y)), labels], (y == labels).astype(np.float64)


def _bin(chance: Array, happened: Array) -> dict[str, Any]:
    low, high = wilson(float(happened.sum()), len(happened))
    return {
        "rows": len(chance),
        "predicted": float(chance.mean()),
        "observed": float(happened.mean()),
        "low": low,
        "high": high,
    }


def wilson(hits: float, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share = hits / rows
    centre = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * float(np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2)))
    return max(0.0, centre - half), min(1.0, centre + half)


def thresholds(y: NDArray[Any], predicted: Predictions, costs: ErrorCosts | None) -> dict[str, Any] | None:
    """What happens when a row is taken for positive from a score on; None unless there are two classes.

    {"rows": [{"threshold", "tp", "fp", "tn", "fn", "precision", "recall", "fpr", "cost"}], "best"}. The thresholds are
    probabilities, or of a model without them scores at even ranks. best: the threshold with the lowest cost, the lowest
    such threshold; None without costs.
    """
    if predicted.positive is None:
        return None
    scores, truth = predicted.values[:, predicted.positive], y == predicted.positive
    at = np.array(THRESHOLDS) if predicted.probabilistic else np.unique(np.quantile(scores, QUANTILES, method="lower"))
    table = [_decisions(float(threshold), scores >= threshold, truth, costs) for threshold in at]
    best = None if costs is None else min(table, key=lambda row: row["cost"])["threshold"]
    return {"rows": table, "best": best}


def _decisions(
    threshold: float, taken: NDArray[np.bool_], truth: NDArray[np.bool_], costs: ErrorCosts | None
) -> dict[str, Any]:
    tp, fp = int(np.count_nonzero(taken & truth)), int(np.count_nonzero(taken & ~truth))
    fn, tn = int(np.count_nonzero(~taken & truth)), int(np.count_nonzero(~taken & ~truth))
    cost = None if costs is None else costs.false_positive * fp + costs.false_negative * fn
    return {
        "threshold": threshold,
        "tp": tp,
        "fp": fp,
        "tn": tn,
        "fn": fn,
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "fpr": _share(fp, fp + tn),
        "cost": cost,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def lift(y: NDArray[Any], predicted: Predictions) -> list[dict[str, Any]] | None:
    """The tenths of the rows, the highest scores first; None unless there are two classes, both in the rows.

    [{"rows", "share", "captured", "lift"}], each for that tenth and all before it: their number and share of all rows,
    the share of all positive rows among them, and how many times more of them than among all rows.
    """
    if predicted.positive is None:
        return None
    truth = y == predicted.positive
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-predicted.values[:, predicted.positive], kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.unique(np.ceil(len(order) * np.arange(1, BINS + 1) / BINS).astype(np.int64))
    return [_tenth(int(end), len(order), int(hits[end - 1]), int(hits[-1])) for end in ends]


def _tenth(end: int, rows: int, hits: int, positives: int) -> dict[str, Any]:
    captured, share = hits / positives, end / rows
    return {"rows": end, "share": share, "captured": captured, "lift": captured / share}
