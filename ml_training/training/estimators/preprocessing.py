"""Encoders and imputers for algorithms that cannot handle categories or missing values; stored with the model.

Category codes are numbers with NaN for missing; missing is a category of its own when the training rows contain it.
"""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml_training.training.estimators.base import FitInputs

ONE_HOT_LIMIT = 50  # columns that one feature may become
ONE_HOT_CELLS = 100_000_000  # columns times rows, together: 800 MB


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
        [("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    return _columns([("categories", encoder, one_hot)] if one_hot else [], rest, numbers)


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
