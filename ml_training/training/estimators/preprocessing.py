"""Encoders and imputers for algorithms that cannot handle categories or missing values; stored with the model.

Category codes are numbers with NaN for missing; missing is a category of its own when the training rows contain it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml_training.domain.algorithms import ONE_HOT_CELLS, ONE_HOT_LIMIT
from ml_training.training.estimators.base import FitInputs
from ml_training.training.matrix import Matrix


class _MedianImputer(SimpleImputer):  # type: ignore[misc]
    """SimpleImputer with the same medians, from a partition of each column.

    The library takes NumPy's median of masked arrays, which sorts them: ten times slower, and longer than the fit of a
    linear model. The conformance tests fail if a later version of the library has no such method.
    """

    def _dense_fit(self, x: Matrix, strategy: str, missing_values: float, fill_value: Any) -> Matrix:
        missing = np.isnan(x)
        self._fit_indicator(missing)
        columns = (column[~lost] if lost.any() else column for column, lost in zip(x.T, missing.T, strict=True))
        return np.array([np.median(column) if len(column) else 0.0 for column in columns])


def for_trees(inputs: FitInputs) -> ColumnTransformer | None:
    """Numbers stay as they are, missing ones too; None when no column has to change.

    A category column with few categories becomes one column per category; any other one stays a column of codes, in
    alphabetical order.
    """
    one_hot = _one_hot_columns(inputs, limit=ONE_HOT_LIMIT)
    if not one_hot:
        return None
    rest = [at for at in range(len(inputs.features)) if at not in set(one_hot)]
    return _columns(
        [("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), one_hot)], rest, "passthrough"
    )


def for_gradients(inputs: FitInputs) -> ColumnTransformer:
    """Numbers get standard units, and the median for missing values; categories become columns.

    The rarer categories of a long list share one column. Columns that would not fit into memory stay codes and are
    treated as numbers.
    """
    one_hot = _one_hot_columns(inputs, limit=None)
    rest = [at for at in range(len(inputs.features)) if at not in set(one_hot)]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=ONE_HOT_LIMIT, sparse_output=False)
    numbers = Pipeline(
        [("impute", _MedianImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    return _columns([("categories", encoder, one_hot)] if one_hot else [], rest, numbers)


def fit_transform(encoder: ColumnTransformer, x: Matrix) -> NDArray[np.float64]:
    """Fit an encoder of `for_gradients`; returns the encoded rows. It then has the library's own classes only."""
    encoded: NDArray[np.float64] = encoder.fit_transform(x)
    for name, step, _ in (*encoder.transformers, *encoder.transformers_):
        if name == "numbers":
            step.named_steps["impute"].__class__ = SimpleImputer
    return encoded


def sources(encoder: ColumnTransformer | None, features: int) -> list[int]:
    """For each output column of a fitted encoder, the position of the feature that it was made from."""
    if encoder is None:
        return list(range(features))
    found = np.empty(sum(part.stop - part.start for part in encoder.output_indices_.values()), dtype=np.int64)
    for name, step, columns in encoder.transformers_:
        part = encoder.output_indices_[name]
        if name == "categories":
            names = step.get_feature_names_out([str(at) for at in columns])
            found[part] = [int(text.split("_")[0]) for text in names]
        elif part.stop > part.start:
            found[part] = columns
    return [int(at) for at in found]


def _columns(steps: list[tuple[str, object, list[int]]], rest: list[int], treatment: object) -> ColumnTransformer:
    if rest:
        steps = [("numbers", treatment, rest), *steps]
    return ColumnTransformer(steps, sparse_threshold=0.0)


def _one_hot_columns(inputs: FitInputs, *, limit: int | None) -> list[int]:
    """The category columns to encode one-hot, fewest categories first until the limit of cells; ascending."""
    width = {at: len(inputs.features[at].categories) + 1 for at in inputs.categories}  # + 1: missing
    columns_left = ONE_HOT_CELLS // max(1, len(inputs.fit.y))
    chosen = []
    for at in sorted(width, key=lambda at: (width[at], at)):
        columns_left -= min(width[at], ONE_HOT_LIMIT)
        if columns_left < 0 or (limit is not None and width[at] > limit):
            break
        chosen.append(at)
    return sorted(chosen)
