"""A downloaded model: an archive that predicts for tables of a user."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.archive import ModelArchive, read_archive
from ml_training.inference.errors import ArchiveError
from ml_training.inference.fitted_model import FittedModel, class_labels, likeliest
from ml_training.inference.load import load_fitted
from ml_training.inference.model_table import read_table
from ml_training.inference.schema import ClassLabel
from ml_training.inference.table import Table


class DownloadedModel:
    """A model in memory. A table is a DataFrame, a pyarrow Table, a dict of columns or a list of dicts (rows).

    Columns are taken by name; others are ignored. A text that the model does not know as a category, like a missing
    value, is what the model has learned to do without. A model with windows computes them from the rows of the table:
    give it the rows before those that matter, with the time column (and the group column) of the training data.
    """

    def __init__(self, content: ModelArchive, fitted: FittedModel) -> None:
        self._content = content
        self._fitted = fitted

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of the archive; docs/use-a-model.md describes every entry."""
        return self._content.manifest

    @property
    def model_type(self) -> str:
        """The algorithm, such as "lightgbm"."""
        return self._content.model_type

    @property
    def classes(self) -> tuple[ClassLabel, ...] | None:
        """The classes, in the order of the columns of `predict_proba`; None for regression."""
        return self._fitted.schema.classes

    @property
    def features(self) -> tuple[str, ...]:
        """The features in the model's order; a window is a feature that is computed."""
        return tuple(feature.name for feature in self._fitted.schema.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have, without the time and group columns that windows need."""
        return tuple(self._fitted.schema.columns)

    def __repr__(self) -> str:
        return f"<{self.model_type} model for {self._fitted.schema.task} from {len(self.columns)} columns>"

    def predict(
        self, table: Table, *, time_column: str | None = None, group_column: str | None = None, threads: int = 1
    ) -> NDArray[Any]:
        """The class, as it is in the training data, or the number that the model predicts, of shape (rows,).

        time_column, group_column: only for a model with windows, where the table names them otherwise. threads: change
        the time, and no bit of the result. Raises TableError with every reason why the table does not fit.
        """
        values = self._values(table, time_column, group_column, threads)
        return values if self.classes is None else class_labels(likeliest(values), self.classes)

    def predict_proba(
        self, table: Table, *, time_column: str | None = None, group_column: str | None = None, threads: int = 1
    ) -> NDArray[np.float64]:
        """Probabilities of shape (rows, classes); raises TypeError when the model has none. The rest as `predict`."""
        if self.classes is None or not self._fitted.probabilistic:
            what = "regression" if self.classes is None else self.model_type
            raise TypeError(f"a {what} model has no probabilities: use predict")
        return self._values(table, time_column, group_column, threads)

    def _values(
        self, table: Table, time_column: str | None, group_column: str | None, threads: int
    ) -> NDArray[np.float64]:
        read = read_table(table, self._fitted.schema, time_column=time_column, group_column=group_column)
        return self._fitted.table_values(read, threads=threads)


def open_archive(data: bytes, *, sha256: str | None) -> DownloadedModel:
    """The model of these bytes; raises as `ml_training.client.load_model`."""
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise ArchiveError(f"the archive has the SHA-256 {found}, and not {sha256}: download it again")
    content = read_archive(data)
    return DownloadedModel(content, load_fitted(content))
