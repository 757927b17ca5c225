"""Encoders and imputers for the algorithms that know neither categories nor missing values; stored with the model.

Category codes come as numbers with NaN for missing, which is a category of its own when training has seen it.
"""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml_training.training.estimators.base import FitJob

ONE_HOT_LIMIT = 50  # columns that one feature may become
ONE_HOT_CELLS = 100_000_000  # columns times rows, together: 800 MB


def for_trees(job: FitJob) -> ColumnTransformer | None:
    """Numbers pass, missing ones too; a category column becomes one column per category when it has few of them, and
    else stays a column of codes, in alphabetical order. None when there is nothing to do."""
    wide = _one_hot(job, limit=ONE_HOT_LIMIT)
    if not wide:
        return None
    rest = [at for at in range(len(job.features)) if at not in set(wide)]
    return _columns(
        [("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), wide)], rest, "passthrough"
    )


def for_gradients(job: FitJob) -> ColumnTransformer:
    """Numbers get the median for a missing one and standard units; categories become columns, the rarer ones of a
    long list share one. Columns that would not fit into memory stay codes and are treated as numbers."""
    wide = _one_hot(job, limit=None)
    rest = [at for at in range(len(job.features)) if at not in set(wide)]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=ONE_HOT_LIMIT, sparse_output=False)
    numbers = Pipeline(
        [("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    )
    return _columns([("categories", encoder, wide)] if wide else [], rest, numbers)


def sources(encoder: ColumnTransformer | None, features: int) -> list[int]:
    """For each column that comes out of a fitted encoder, the position of the feature that it was made from."""
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


def _one_hot(job: FitJob, *, limit: int | None) -> list[int]:
    """The category columns to spread, shortest lists first until the room is used up; ascending."""
    width = {at: len(job.features[at].categories) + 1 for at in job.categories}  # + 1: missing
    room = ONE_HOT_CELLS // max(1, len(job.fit.y))
    chosen = []
    for at in sorted(width, key=lambda at: (width[at], at)):
        room -= min(width[at], ONE_HOT_LIMIT)
        if room < 0 or (limit is not None and width[at] > limit):
            break
        chosen.append(at)
    return sorted(chosen)
