"""Compares one feature of both sides: distances, and whether they can be chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.schema import FeatureSchema
from ml_training.selection.index import ColumnKind
from ml_training.training.drift.correlation_time import correlation_time, series_of
from ml_training.training.drift.distances import kolmogorov_smirnov, psi, wasserstein
from ml_training.training.drift.exchanged_blocks import (
    SIGNIFICANT,
    ExchangedBlocks,
    block_counts,
    block_rows,
    least_p_value,
    p_value,
)
from ml_training.training.drift.feature_bins import feature_bins

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureComparison:
    """said: the JSON values of the report; indices: the PSI of the exchanged blocks, what was found first, or None when
    so few of the rows are independent that no p-value could be below 0.05.
    """

    said: dict[str, Any]
    indices: Array | None


def compare_feature(
    feature: FeatureSchema, training: Array, compared: Array, exchanged: ExchangedBlocks
) -> FeatureComparison:
    """training, compared: the values of each row in its order, NaN where missing."""
    is_number = feature.kind is not ColumnKind.CATEGORY or feature.window is not None
    bins = feature_bins(feature, training)
    sides = [bins.of(values) for values in (training, compared)]
    totals = [np.bincount(side, minlength=bins.bins).astype(np.float64) for side in sides]
    time = max(correlation_time(series_of(side, count=bins.bins, is_number=is_number)) for side in sides)
    length = block_rows(len(training), len(compared), time=time)
    least = least_p_value(len(training) + len(compared), time=time)
    indices = None
    if least <= SIGNIFICANT:
        indices = exchanged.indices(*(block_counts(side, count=bins.bins, length=length) for side in sides))
    present = [values[~np.isnan(values)] for values in (training, compared)]
    said = {
        "feature": feature.name,
        "psi": float(psi(*totals)),
        "p_value": None if indices is None else max(least, p_value(indices)),
        "correlation_rows": time,
        "block_rows": length,
        "wasserstein": wasserstein(*present) if is_number else None,
        "ks": kolmogorov_smirnov(*present) if is_number else None,
        "missing_share": 1 - len(present[1]) / len(compared),
        "missing_share_training": 1 - len(present[0]) / len(training),
    }
    return FeatureComparison(said, indices)
