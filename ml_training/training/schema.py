"""What a model in training says of its data: the features as they occur in the training part."""

from dataclasses import replace

import numpy as np

from ml_training.domain.targets import AnyTarget
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.plan import FeatureSchema, Fold, ModelSchema, TrainPlan
from ml_training.selection.split import Positions

UNSAVED = 0  # the id of a model that has no row yet


def training_schema(plan: TrainPlan, index: SelectionIndex, *, target: AnyTarget, fold: Fold) -> ModelSchema:
    """The schema of the model to be; its categories are those of the training part, so any other one is missing."""
    rows = plan.rows[fold.train]
    return ModelSchema(
        model_id=UNSAVED,
        task=plan.task,
        target=target,
        classes=plan.classes,
        features=tuple(_fitted(index, feature, rows) for feature in plan.features),
        grouped=index.group_column is not None,
    )


def _fitted(index: SelectionIndex, feature: FeatureSchema, rows: Positions) -> FeatureSchema:
    if feature.kind is not ColumnKind.CATEGORY:
        return feature
    codes = index.values(feature.name)[rows]
    categories = index.categories(feature.name)
    seen = np.unique(codes[~is_missing(codes, feature.kind)])
    return replace(feature, categories=tuple(categories[code] for code in seen))
