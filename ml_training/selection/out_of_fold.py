"""What the models of the splits of a training say about the rows that each of them did not see."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.schema import ModelSchema


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """One entry for each row that was held out, ascending by row; all arrays have the shape (rows, ...).

    split: the number of the split, from 1, whose model predicted the row; target, values: class codes or numbers;
    probabilities: (rows, classes), None for regression and for a model without them.
    """

    model: ModelSchema
    rows: NDArray[np.int64]
    split: NDArray[np.int64]
    target: NDArray[Any]
    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None

    def __getitem__(self, part: slice) -> "OutOfFold":
        """Some of the rows."""
        chances = None if self.probabilities is None else self.probabilities[part]
        rows, split, target, values = self.rows[part], self.split[part], self.target[part], self.values[part]
        return OutOfFold(self.model, rows, split, target, values, chances)
