"""Columns of a data set as the numbers that a model reads; the same way in training and ever after."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, recode
from ml_training.selection.plan import FeatureSchema
from ml_training.selection.split import Positions
from ml_training.training.windows import Windows

# Trees of scikit-learn work in float32 and refuse anything larger; its square still fits float64.
LARGEST = float(np.finfo(np.float32).max)
Matrix = NDArray[np.float64]


class MatrixReader:
    """Reads model matrices out of one data set."""

    def __init__(self, index: SelectionIndex, features: Sequence[FeatureSchema]) -> None:
        self._index = index
        self._features = features
        self._made: dict[str, list[int]] = {}  # source: the positions of the features made from it
        for at, feature in enumerate(features):
            if feature.window is not None:
                self._made.setdefault(feature.window.source, []).append(at)
        self._windows = Windows(index) if self._made else None

    def read(self, rows: Positions) -> Matrix:
        """Shape (rows, features), column-major. NaN is missing.

        Numbers beyond the float32 range become its ends, booleans 0 and 1, categories their position in the
        feature's own list; a category that is not in that list is missing.
        """
        matrix = np.empty((len(rows), len(self._features)), dtype=np.float64, order="F")
        for at, feature in enumerate(self._features):
            if feature.window is None:
                matrix[:, at] = _column(self._index, feature, rows)
        if self._windows is not None:
            for source, places in self._made.items():
                windows = [window for at in places if (window := self._features[at].window) is not None]
                for at, values in zip(places, self._windows.read(source, windows, rows), strict=True):
                    matrix[:, at] = np.clip(values, -LARGEST, LARGEST)
        return matrix


def model_matrix(index: SelectionIndex, features: Sequence[FeatureSchema], rows: Positions) -> Matrix:
    """One matrix; see MatrixReader."""
    return MatrixReader(index, features).read(rows)


def _column(index: SelectionIndex, feature: FeatureSchema, rows: Positions) -> NDArray[Any]:
    stored = index.values(feature.name)
    values = stored if len(rows) == index.rows else stored[rows]
    if feature.kind in NUMERIC:
        clipped: NDArray[np.float64] = np.clip(values, -LARGEST, LARGEST, dtype=np.float64)
        return clipped
    if feature.kind is ColumnKind.CATEGORY:
        values = recode(values, index.categories(feature.name), feature.categories)
    return np.where(values < 0, np.nan, values)
