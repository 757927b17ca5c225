"""Intervals of scores: a bootstrap over the rows that a model was scored on.

The percentile bootstrap of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Each score is a
function of sums over rows (`significance.Statistic`), so that a resample is a vector of weights. With more than BLOCKS
rows, whole random blocks of rows are drawn: the sums have the same spread, in bounded time and memory.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.training.scores import Predictions
from ml_training.training.significance import Statistic, resample_weights, statistics

BLOCKS = 200
RESAMPLES = 500
CONFIDENCE = 0.95
QUANTILES = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
STREAM = 6  # of random numbers: independent of all other draws with the same seed
MOST_RANKED = 20_000_000  # rows times classes that are sorted for the area under the ROC curve
Intervals = dict[str, list[float] | None]


def score_intervals(
    y: NDArray[Any], predicted: Predictions, *, seed: int, names: Collection[str] | None = None
) -> Intervals:
    """[low, high] of each score by name, with 95 % confidence; None where it is undefined.

    y: class codes or numbers, aligned with the predictions. Also None where half of the resamples leave a score
    undefined, and for the area under the ROC curve of very many rows and classes. Equal input gives equal intervals.
    """
    random = np.random.Generator(np.random.PCG64((seed, STREAM)))
    rows = len(y)
    blocks = np.arange(rows) if rows <= BLOCKS else random.permutation(rows) * BLOCKS // rows
    known = REGRESSION_METRICS if predicted.task is TaskKind.REGRESSION else CLASSIFICATION_METRICS
    wanted = [name for name in known if names is None or name in names]
    cheap = [name for name in wanted if _is_cheap(name, predicted)]
    with np.errstate(over="ignore", invalid="ignore"):
        found = _resampled(statistics(cheap, y, predicted, blocks=blocks), int(blocks.max()) + 1, random)
    return dict.fromkeys(wanted) | dict(zip(cheap, _intervals(found), strict=True))


def with_method(intervals: Mapping[str, Intervals]) -> dict[str, Any]:
    """Intervals by part as they are stored, with how they were made."""
    return {"method": "bootstrap", "confidence": CONFIDENCE, "resamples": RESAMPLES, **intervals}


def _is_cheap(name: str, predicted: Predictions) -> bool:
    if name == "log_loss":
        return predicted.probabilistic
    return name != "roc_auc" or predicted.positive is not None or predicted.values.size <= MOST_RANKED


def _resampled(statistics: Mapping[str, Statistic], blocks: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(scores, resamples); scores of the same sums share the product with the weights, which is what takes the time."""
    weights = resample_weights(random, blocks=blocks, resamples=RESAMPLES)
    totals = {id(one.sums): one.sums for one in statistics.values()}
    totals = {key: weights @ sums for key, sums in totals.items()}
    found = [one.evaluate(totals[id(one.sums)]) for one in statistics.values()]
    return np.array(found).reshape(len(found), RESAMPLES)


def _intervals(resampled: NDArray[np.float64]) -> list[list[float] | None]:
    """Of each row. Undefined resamples do not count; where they are more than half, nor does the score."""
    known = np.isfinite(resampled)
    ends: list[list[float] | None] = np.quantile(np.where(known, resampled, 0.0), QUANTILES, axis=1).T.tolist()
    for at in np.flatnonzero(~known.all(axis=1)):
        is_enough = np.count_nonzero(known[at]) >= RESAMPLES // 2
        ends[at] = np.quantile(resampled[at][known[at]], QUANTILES).tolist() if is_enough else None
    return ends
