"""Columns of a data set as the numbers that a model reads; the same way in training and ever after."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, recode
from ml_training.selection.plan import FeatureSchema
from ml_training.selection.split import Positions

# Trees of scikit-learn work in float32 and refuse anything larger; its square still fits float64.
LARGEST = float(np.finfo(np.float32).max)
Matrix = NDArray[np.float64]


def model_matrix(index: SelectionIndex, features: Sequence[FeatureSchema], rows: Positions) -> Matrix:
    """Shape (rows, features), column-major. NaN is missing.

    Numbers beyond the float32 range become its ends, booleans 0 and 1, categories their position in the feature's
    own list; a category that is not in that list is missing.
    """
    matrix = np.empty((len(rows), len(features)), dtype=np.float64, order="F")
    for number, feature in enumerate(features):
        matrix[:, number] = _column(index, feature, rows)
    return matrix


def _column(index: SelectionIndex, feature: FeatureSchema, rows: Positions) -> NDArray[Any]:
    stored = index.values(feature.name)
    values = stored if len(rows) == index.rows else stored[rows]
    if feature.kind in NUMERIC:
        clipped: NDArray[np.float64] = np.clip(values, -LARGEST, LARGEST, dtype=np.float64)
        return clipped
    if feature.kind is ColumnKind.CATEGORY:
        values = recode(values, index.categories(feature.name), feature.categories)
    return np.where(values < 0, np.nan, values)
