"""Reads columns as the matrix that a model learns from and predicts from: the one place that codes values."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.columns import ColumnKind, ColumnSource, recode
from ml_training.inference.schema import FeatureSchema
from ml_training.inference.windows import Windows

# The trees of scikit-learn work in float32 and reject larger numbers; the square still fits into float64.
LARGEST = float(np.finfo(np.float32).max)
READ_BYTES = 32_000_000  # values of a source that may be in memory because they were read
Matrix = NDArray[np.float64]


class MatrixReader:
    """Reads model matrices of one data set or table; the same way in training and in prediction."""

    def __init__(self, source: ColumnSource, features: Sequence[FeatureSchema]) -> None:
        self._source = source
        self._features = features
        self._read_bytes = 0  # at most, since the source was released
        self._codes: dict[int, NDArray[np.float64]] = {}  # position of a feature: its codes by those of the column
        self._windows_of: dict[str, list[int]] = {}  # source column: the positions of its window features
        for at, feature in enumerate(features):
            if feature.window is not None:
                self._windows_of.setdefault(feature.window.source, []).append(at)
        self._windows = Windows(source) if self._windows_of else None

    @property
    def features(self) -> Sequence[FeatureSchema]:
        """What the columns of its matrices are."""
        return self._features

    def read(self, rows: NDArray[np.int64], *, order: Literal["C", "F"] = "F") -> Matrix:
        """A matrix of shape (rows, features), column-major ("F") or row-major ("C"); NaN is missing.

        Numbers beyond the float32 range become its ends. Booleans become 0 and 1. Categories become their position in
        the feature's own list; a category that is not in that list is missing.
        """
        matrix = np.empty((len(rows), len(self._features)), dtype=np.float64, order=order)
        for at, feature in enumerate(self._features):
            if feature.window is None:
                matrix[:, at] = self._column(at, feature, rows)
        if self._windows is not None:
            for column, positions in self._windows_of.items():
                windows = [window for at in positions if (window := self._features[at].window) is not None]
                for at, values in zip(positions, self._windows.read(column, windows, rows), strict=True):
                    matrix[:, at] = np.clip(values, -LARGEST, LARGEST)
                self._release_after(self._source.stored(column).nbytes)
        return matrix

    def _column(self, at: int, feature: FeatureSchema, rows: NDArray[np.int64]) -> NDArray[Any]:
        stored = self._source.stored(feature.name)
        values: NDArray[Any] = stored if len(rows) == self._source.rows else stored[rows]
        if feature.kind is ColumnKind.CATEGORY:
            if not self._source.categories(feature.name):  # a column without any value, of whatever kind it seems
                return np.full(len(rows), np.nan)
            values = self._codes_of(at, feature)[values]
        elif feature.kind is ColumnKind.BOOLEAN:
            values = np.where(values < 0, np.nan, values)
        elif values.dtype == np.float64:  # integers and float32 cannot be beyond the range
            values = np.clip(values, -LARGEST, LARGEST)
        self._release_after(stored.nbytes)
        return values

    def _release_after(self, read_bytes: int) -> None:
        """Rows of a large data set are spread over all its pages: together they would be in memory as a whole."""
        self._read_bytes += read_bytes
        if self._read_bytes > READ_BYTES:
            self._source.release()
            self._read_bytes = 0

    def _codes_of(self, at: int, feature: FeatureSchema) -> NDArray[np.float64]:
        """The code in the feature's own list for each code of the column; NaN for -1, which picks the last entry."""
        if at not in self._codes:
            known = self._source.categories(feature.name)
            codes = recode(np.arange(-1, len(known)), known, feature.categories)
            self._codes[at] = np.roll(np.where(codes < 0, np.nan, codes), -1)
        return self._codes[at]
