"""The mean absolute contribution of each feature to the raw score of a model."""

from typing import Any

import numpy as np

from ml_training.selection.predict_plan import can_contribute, contribution_outputs
from ml_training.training.explain.sampled_rows import SampledRows
from ml_training.training.scores import finite
from ml_training.training.stage_progress import slices

CELLS_PER_BATCH = 5_000_000  # contributions, 8 bytes each


def mean_contributions(rows: SampledRows) -> dict[str, Any]:
    """{"rows", "base", "features": [{"feature", "value"}], "reason"}, the largest first.

    base: of each class, or of the one raw score; value: the mean over the rows (and classes) of the absolute
    contribution. Without them features is None, and reason says why.
    """
    model = rows.model
    if not can_contribute(model.model_type):
        reason = f"{model.model_type} is neither a sum of trees of LightGBM nor linear: see the permutation importance"
        return {"rows": None, "base": None, "features": None, "reason": reason}
    names, outputs = [feature.name for feature in model.schema.features], contribution_outputs(model.schema)
    size = max(1, CELLS_PER_BATCH // (outputs * (len(names) + 1)))
    total, base, known = np.zeros(len(names)), np.full(outputs, np.nan), np.ones(outputs, dtype=np.bool_)
    for part in slices(len(rows.y), size=size):
        found = model.contributions(rows.x[part], threads=rows.cores.granted())
        shaped = found.reshape(len(found), outputs, len(names) + 1)
        base, known = shaped[0, :, -1], ~np.isnan(shaped[0, :, -1])  # a class that the model never saw has none
        total += np.abs(shaped[:, known, :-1]).sum(axis=(0, 1))
        rows.progress.step(part.stop, len(rows.y), f"contributions of {part.stop} rows")
    means = total / (len(rows.y) * max(1, int(known.sum())))
    order = sorted(zip(names, means.tolist(), strict=True), key=lambda item: -item[1])
    features = [{"feature": name, "value": finite(value)} for name, value in order]
    return {"rows": len(rows.y), "base": [finite(float(value)) for value in base], "features": features, "reason": None}
