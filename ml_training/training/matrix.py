"""Rows of a model matrix that are read when they are needed, whole or in parts."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.matrix import LARGEST, Matrix, MatrixReader
from ml_training.selection.split import Positions

__all__ = ["LARGEST", "FeatureRows", "Matrix", "MatrixReader", "as_matrix", "binnable"]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """Rows of a model matrix that are read when they are needed: for data that do not fit into memory as a matrix."""

    reader: MatrixReader
    rows: Positions

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice | NDArray[Any]) -> "FeatureRows":
        """Some of the rows: a slice, positions, or True for each row to keep; nothing is read."""
        return FeatureRows(self.reader, self.rows[part])

    @property
    def size(self) -> int:
        """How many cells the matrix has."""
        return len(self.rows) * len(self.reader.features)

    def read(self, *, order: Literal["C", "F"] = "F") -> Matrix:
        """The matrix of these rows, as `MatrixReader.read`."""
        return self.reader.read(self.rows, order=order)


def as_matrix(rows: Matrix | FeatureRows) -> Matrix:
    """The matrix itself, or the one that is read now."""
    return rows.read() if isinstance(rows, FeatureRows) else rows


def binnable(x: Matrix) -> Matrix:
    """Replace columns without any value, which scikit-learn cannot bin, by constants, which no tree uses."""
    empty = [at for at in np.flatnonzero(np.isnan(x[0])) if np.isnan(x[:, at]).all()]
    if not empty:
        return x
    filled = x.copy(order="F")
    filled[:, empty] = 0.0
    return filled
