"""Makes the schema of the model in training: its features with the categories of the training part."""

from dataclasses import replace

import numpy as np

from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.plan import FeatureSchema, Fold, ModelSchema, TrainPlan
from ml_training.selection.split import Positions

UNSAVED = 0  # the id of a model that has no row in the database yet


def training_schema(plan: TrainPlan, fold: Fold) -> ModelSchema:
    """The schema of a fold's model; it knows the categories of the training part, any other category is missing."""
    rows = plan.labels.rows[fold.train]
    features = tuple(_with_categories(feature, plan.index, rows) for feature in plan.features)
    has_windows = any(feature.window is not None for feature in features)
    return ModelSchema(
        model_id=UNSAVED,
        task=plan.labels.task,
        target=plan.spec.target,
        classes=plan.labels.classes,
        features=features,
        grouped=plan.index.group_column is not None,
        time_column=plan.index.time_column if has_windows else None,
        group_column=plan.index.group_column if has_windows else None,
    )


def _with_categories(feature: FeatureSchema, index: SelectionIndex, rows: Positions) -> FeatureSchema:
    if feature.kind is not ColumnKind.CATEGORY:
        return feature
    codes = index.stored(feature.name)[rows]
    categories = index.categories(feature.name)
    seen = np.unique(codes[~is_missing(codes, feature.kind)])
    return replace(feature, categories=tuple(categories[code] for code in seen))
