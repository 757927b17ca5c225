"""Data sets of XGBoost, and the names of the features in a stored booster."""

from collections.abc import Collection, Sequence
from typing import Any

from ml_training.inference.columns import ColumnKind
from ml_training.inference.schema import FeatureSchema
from ml_training.training.estimators.base import LabelledRows

CODE = ":code"


def make_dataset(
    library: Any,
    rows: LabelledRows,
    *,
    categories: Collection[int],
    max_bin: int,
    threads: int,
    reference: Any = None,
) -> Any:
    """The rows as bins; categories: the positions of the columns that hold category codes; reference: the data set
    whose bins are used."""
    return library.QuantileDMatrix(
        rows.x,
        label=rows.y,
        weight=rows.weights,
        max_bin=max_bin,
        nthread=threads,
        ref=reference,
        feature_types=["c" if at in categories else "float" for at in range(rows.x.shape[1])],
        enable_categorical=True,
    )


def stored_names(features: Sequence[FeatureSchema]) -> list[str]:
    """The names of the features; a category feature has another name than its column, so that a frame of texts raises.

    XGBoost (3.2) can find the texts of a frame in the model, but takes a text that the model does not know, and others
    with it, for a wrong one.
    """
    taken = {feature.name for feature in features}
    names = []
    for feature in features:
        name = feature.name
        while feature.kind is ColumnKind.CATEGORY and name in taken:
            name += CODE
        taken.add(name)
        names.append(name)
    return names
