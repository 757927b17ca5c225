"""The score of a model on parts of the rows: where it is worse than on all of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.selection.explain_plan import SliceColumn
from ml_training.training.score_intervals import score_intervals
from ml_training.training.scores import Predictions, score
from ml_training.training.stage_progress import StageProgress


def scores_by_slice(
    columns: Iterable[SliceColumn],
    y: NDArray[Any],
    predicted: Predictions,
    *,
    metric: str,
    seed: int,
    progress: StageProgress,
) -> list[dict[str, Any]]:
    """[{"column", "role", "values": [{"value", "rows", "score", "interval", "is_worse"}]}], a value missing is None.

    is_worse: the whole interval is on the worse side of the score on all rows; None where either is undefined. Of many
    slices some are worse by chance alone: one in forty on average.
    """
    overall = score(y, predicted)[metric]
    found = []
    for column in columns:
        progress.check()
        values = [_slice(column, code, y, predicted, metric=metric, seed=seed) for code in range(len(column.values))]
        for one in values:
            one["is_worse"] = _is_worse(one["interval"], overall, metric)
        found.append({"column": column.name, "role": column.role, "values": values})
    return found


def _slice(
    column: SliceColumn, code: int, y: NDArray[Any], predicted: Predictions, *, metric: str, seed: int
) -> dict[str, Any]:
    at = np.flatnonzero(column.codes == code)
    part = Predictions(predicted.task, predicted.positive, predicted.values[at], predicted.probabilistic)
    value = score(y[at], part)[metric]
    interval = None if value is None else score_intervals(y[at], part, seed=seed, names=[metric])[metric]
    return {"value": column.values[code], "rows": len(at), "score": value, "interval": interval}


def _is_worse(interval: list[float] | None, overall: float | None, metric: str) -> bool | None:
    if interval is None or overall is None:
        return None
    return interval[0] > overall if metric in LOWER_IS_BETTER else interval[1] < overall
