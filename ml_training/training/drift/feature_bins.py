"""The bins of a feature: both sides are counted in those of the training rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.schema import FeatureSchema
from ml_training.selection.index import ColumnKind

BINS = 10
MOST_CATEGORIES = 30  # the others share a bin
Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBins:
    """edges: ascending, between the bins of numbers; codes: the bin of each category code, () for numbers.

    The last bin is that of missing values, and for categories of those that the training rows did not have.
    """

    edges: Array
    codes: Counts
    bins: int

    def of(self, values: Array) -> Counts:
        """The bin of each value."""
        missing = np.isnan(values)
        if len(self.codes):
            found = self.codes[np.where(missing, 0, values).astype(np.int64)]
        else:
            found = np.searchsorted(self.edges, values, side="right")
        return np.where(missing, self.bins - 1, found).astype(np.int64)


def feature_bins(feature: FeatureSchema, training: Array) -> FeatureBins:
    """Bins of about equally many training rows; for categories one each, the rarer ones of many together."""
    present = training[~np.isnan(training)]
    if feature.kind is ColumnKind.CATEGORY and feature.window is None:
        counts = np.bincount(present.astype(np.int64), minlength=max(1, len(feature.categories)))
        order = np.argsort(-counts, kind="stable")
        codes = np.full(len(counts), min(MOST_CATEGORIES, len(counts)), dtype=np.int64)
        codes[order[:MOST_CATEGORIES]] = np.arange(min(MOST_CATEGORIES, len(counts)))
        return FeatureBins(np.empty(0), codes, min(MOST_CATEGORIES, len(counts)) + 2)
    edges = (
        np.unique(np.quantile(present, np.arange(1, BINS) / BINS, method="nearest")) if len(present) else np.empty(0)
    )
    return FeatureBins(edges, np.empty(0, dtype=np.int64), len(edges) + 2)
