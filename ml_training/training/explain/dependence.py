"""Partial dependence: the mean prediction when every row gets the same value of one feature.

Friedman, "Greedy function approximation", Annals of Statistics 29, 2001. It assumes that the feature can change while
the others stay: the rug, values that rows really have, shows where there are data at all.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.schema import FeatureSchema
from ml_training.selection.index import ColumnKind
from ml_training.selection.predict_plan import label_text
from ml_training.training.explain.sampled_rows import SampledRows
from ml_training.training.scores import Predictions, finite

FEATURES, POINTS, ROWS, RUG = 10, 20, 1_000, 50
MOST_CLASSES = 20


def partial_dependence(rows: SampledRows, important: Sequence[str]) -> list[dict[str, Any]]:
    """One entry for each of the most important features, in their order.

    {"feature", "kind", "rows", "grid", "means", "rug", "missing_share", "missing_means"}. grid: numbers, categories or
    booleans; means: by output (a class, the positive one of two, or `prediction`) the mean at each point of the grid;
    rug: values of rows at even ranks; missing_means: the means where the value is missing, None when no row misses it.
    """
    used = rows.at_most(ROWS)
    positions = {feature.name: at for at, feature in enumerate(rows.model.schema.features)}
    shown = [name for name in important if name in positions][:FEATURES]
    found = []
    for number, name in enumerate(shown, start=1):
        found.append(_of_feature(rows, used, positions[name]))
        rows.progress.step(number, len(shown), f"dependence on {name}")
    return found


def _of_feature(rows: SampledRows, used: SampledRows, at: int) -> dict[str, Any]:
    feature, column = rows.model.schema.features[at], rows.x[:, at]
    present = column[~np.isnan(column)]
    grid = _grid(feature, present)
    lost = len(column) - len(present)
    kept = used.x[:, at].copy()
    try:
        means = [_means_at(used, at, value) for value in grid.tolist()]
        missing = _means_at(used, at, float("nan")) if lost else None
    finally:
        used.x[:, at] = kept
    return {
        "feature": feature.name,
        "kind": feature.kind.value,
        "rows": len(used.y),
        "grid": _shown(feature, grid),
        "means": {name: [one[name] for one in means] for name in (means[0] if means else ())},
        "rug": _shown(feature, _at_even_ranks(np.sort(present))) if feature.kind is not ColumnKind.CATEGORY else [],
        "missing_share": lost / len(column),
        "missing_means": missing,
    }


def _grid(feature: FeatureSchema, present: NDArray[np.float64]) -> NDArray[np.float64]:
    if feature.kind in (ColumnKind.CATEGORY, ColumnKind.BOOLEAN):
        values, counts = np.unique(present, return_counts=True)
        return np.sort(values[np.argsort(-counts, kind="stable")][:POINTS])
    return (
        np.unique(np.quantile(present, np.linspace(0.01, 0.99, POINTS), method="nearest")) if len(present) else present
    )


def _at_even_ranks(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(ordered):
        return ordered
    return ordered[np.unique(np.linspace(0, len(ordered) - 1, RUG).astype(np.int64))]


def _means_at(used: SampledRows, at: int, value: float) -> dict[str, float | None]:
    used.x[:, at] = value
    return _means(used, used.predict())


def _means(used: SampledRows, predicted: Predictions) -> dict[str, float | None]:
    classes = used.model.schema.classes
    if classes is None:
        return {"prediction": finite(float(predicted.values.mean()))}
    if predicted.positive is not None:
        codes: Sequence[int] = [predicted.positive]
    else:
        codes = range(min(len(classes), MOST_CLASSES))
    return {label_text(classes[code]): finite(float(predicted.values[:, code].mean())) for code in codes}


def _shown(feature: FeatureSchema, values: NDArray[np.float64]) -> list[object]:
    if feature.kind is ColumnKind.CATEGORY:
        return [feature.categories[int(code)] for code in values]
    if feature.kind is ColumnKind.BOOLEAN:
        return [bool(value) for value in values]
    return [float(value) for value in values]
