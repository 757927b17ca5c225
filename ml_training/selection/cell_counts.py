"""Counts, for each feature of a model, the cells that have no value, or a category that the model does not know."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.schema import ModelSchema


class CellCounts:
    """The counts over the rows that were added; by the column of the data set, every feature's column is there.

    missing: cells without a value; unseen: cells with a category that did not occur where the model was fitted, for
    columns of categories only. The model takes both for missing.
    """

    def __init__(self, index: SelectionIndex, model: ModelSchema) -> None:
        self._index = index
        self._known = dict(_known_categories(index, model))
        self.missing = {feature.column: 0 for feature in model.features}
        self.unseen = dict.fromkeys(self._known, 0)

    def add(self, rows: NDArray[np.int64]) -> None:
        """Count the cells of these rows."""
        for name in self.missing:
            if self._index.nulls(name) == self._index.rows:
                self.missing[name] += len(rows)
                continue
            values = self._index.stored(name)[rows]
            self.missing[name] += int(np.count_nonzero(is_missing(values, self._index.kind(name))))
            if name in self._known:
                self.unseen[name] += int(np.count_nonzero(~self._known[name][values]))


def _known_categories(index: SelectionIndex, model: ModelSchema) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """For each column of categories: for each code of the index whether the model knows it, and True for -1."""
    for feature in model.features:
        if feature.kind is ColumnKind.CATEGORY and feature.window is None:
            known = set(feature.categories)
            yield feature.name, np.array([*(name in known for name in index.categories(feature.name)), True])
