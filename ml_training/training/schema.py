"""What a model in training says of its data: the features as they occur in the training part."""

import numpy as np

from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.plan import FeatureSchema, ModelSchema, TrainPlan
from ml_training.selection.split import Positions

UNSAVED = 0  # the id of a model that has no row yet


def training_schema(plan: TrainPlan, index: SelectionIndex, *, target_column: str) -> ModelSchema:
    """The schema of the model to be; its categories are those of the training part, so any other one is missing."""
    rows = plan.rows[plan.train]
    return ModelSchema(
        model_id=UNSAVED,
        task=plan.task,
        target_column=target_column,
        classes=plan.classes,
        features=tuple(_feature(index, name, rows) for name in plan.features),
    )


def _feature(index: SelectionIndex, name: str, rows: Positions) -> FeatureSchema:
    kind = index.kind(name)
    if kind is not ColumnKind.CATEGORY:
        return FeatureSchema(name, kind)
    codes = index.values(name)[rows]
    categories = index.categories(name)
    seen = np.unique(codes[~is_missing(codes, kind)])
    return FeatureSchema(name, kind, tuple(categories[code] for code in seen))
