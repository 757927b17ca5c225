"""Permutation importance: how much worse a model becomes when the values of one feature are shuffled.

Breiman, "Random Forests", Machine Learning 45, 2001, and Fisher, Rudin and Dominici, JMLR 20, 2019. It is about these
rows and this model: of two features that say the same, each may seem unimportant.
"""

from typing import Any

import numpy as np

from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.training.explain.sampled_rows import SampledRows
from ml_training.training.scores import finite, score

REPEATS = 5
MOST_PREDICTIONS = 2_000_000  # of rows, over all features and repeats: with more, fewer rows are used
LEAST_ROWS = 200
STREAM = 4  # of random numbers


def permutation_importance(rows: SampledRows, *, metric: str, seed: int) -> dict[str, Any]:
    """{"metric", "rows", "repeats", "score", "features": [{"feature", "value", "spread"}]}, the most important first.

    value: the mean over the repeats of how much the score falls (of a score where lower is better: rises); spread: its
    standard deviation; both None where the score is undefined on these rows.
    """
    names = [feature.name for feature in rows.model.schema.features]
    used = rows.at_most(max(LEAST_ROWS, MOST_PREDICTIONS // (REPEATS * len(names))))
    base = score(used.y, used.predict())[metric]
    found = []
    for at, name in enumerate(names):
        values = [] if base is None else _drops(used, at, metric=metric, base=base, seed=seed)
        found.append((name, *_mean_and_spread(values)))
        used.progress.step(at + 1, len(names), f"feature {at + 1} of {len(names)} shuffled")
    found.sort(key=lambda item: (item[1] is None, -(item[1] or 0.0)))
    features = [{"feature": name, "value": value, "spread": spread} for name, value, spread in found]
    return {"metric": metric, "rows": len(used.y), "repeats": REPEATS, "score": base, "features": features}


def _drops(rows: SampledRows, at: int, *, metric: str, base: float, seed: int) -> list[float | None]:
    """How much worse the score is after each shuffle of one column, which is as it was afterwards."""
    column = rows.x[:, at].copy()
    random = np.random.Generator(np.random.PCG64((seed, STREAM, at)))
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    drops: list[float | None] = []
    try:
        for _ in range(REPEATS):
            rows.x[:, at] = column[random.permutation(len(column))]
            shuffled = score(rows.y, rows.predict())[metric]
            drops.append(None if shuffled is None else sign * (base - shuffled))
    finally:
        rows.x[:, at] = column
    return drops


def _mean_and_spread(values: list[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return None, None
    return finite(float(np.mean(known))), finite(float(np.std(known, ddof=1))) if len(known) > 1 else None
