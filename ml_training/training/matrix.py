"""Reads columns of a data set as the matrix that a model learns from and predicts from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, recode
from ml_training.selection.plan import FeatureSchema
from ml_training.selection.split import Positions
from ml_training.training.windows import Windows

# The trees of scikit-learn work in float32 and reject larger numbers; the square still fits into float64.
LARGEST = float(np.finfo(np.float32).max)
Matrix = NDArray[np.float64]


class MatrixReader:
    """Reads model matrices of one data set; the same way in training and in prediction."""

    def __init__(self, index: SelectionIndex, features: Sequence[FeatureSchema]) -> None:
        self._index = index
        self._features = features
        self._windows_of: dict[str, list[int]] = {}  # source column: the positions of its window features
        for at, feature in enumerate(features):
            if feature.window is not None:
                self._windows_of.setdefault(feature.window.source, []).append(at)
        self._windows = Windows(index) if self._windows_of else None

    def read(self, rows: Positions) -> Matrix:
        """A matrix of shape (rows, features), column-major; NaN is missing.

        Numbers beyond the float32 range become its ends. Booleans become 0 and 1. Categories become their position in
        the feature's own list; a category that is not in that list is missing.
        """
        matrix = np.empty((len(rows), len(self._features)), dtype=np.float64, order="F")
        for at, feature in enumerate(self._features):
            if feature.window is None:
                matrix[:, at] = _column(self._index, feature, rows)
        if self._windows is not None:
            for source, positions in self._windows_of.items():
                windows = [window for at in positions if (window := self._features[at].window) is not None]
                for at, values in zip(positions, self._windows.read(source, windows, rows), strict=True):
                    matrix[:, at] = np.clip(values, -LARGEST, LARGEST)
        return matrix


def _column(index: SelectionIndex, feature: FeatureSchema, rows: Positions) -> NDArray[Any]:
    stored = index.stored(feature.name)
    values = stored if len(rows) == index.rows else stored[rows]
    if feature.kind in NUMERIC:
        clipped: NDArray[np.float64] = np.clip(values, -LARGEST, LARGEST, dtype=np.float64)
        return clipped
    if feature.kind is ColumnKind.CATEGORY:
        values = recode(values, index.categories(feature.name), feature.categories)
    return np.where(values < 0, np.nan, values)
