"""Collects the predictions of a training for its held-out rows."""

from collections.abc import Sequence

import numpy as np

from ml_training.selection.out_of_fold import OutOfFold
from ml_training.selection.plan import Folds, TrainPlan
from ml_training.selection.schema import ModelSchema
from ml_training.training.fitting import ScoredFold
from ml_training.training.summary import pooled


def out_of_fold(plan: TrainPlan, folds: Folds, splits: Sequence[ScoredFold], *, model: ModelSchema) -> OutOfFold | None:
    """The predictions for every held-out row; None unless the spec asks to keep them."""
    if not plan.spec.keep_out_of_fold:
        return None
    y, predicted = pooled(plan, folds, splits)
    rows = np.concatenate([plan.labels.rows[fold.held_out] for fold in folds.splits])
    split = np.repeat(np.arange(1, len(folds.splits) + 1), [len(fold.held_out) for fold in folds.splits])
    order = np.argsort(rows, kind="stable")
    values = predicted.labels if plan.labels.task.is_classification else predicted.values
    chances = predicted.values[order] if predicted.probabilistic else None
    return OutOfFold(model, rows[order], split[order], y[order], values[order], chances)
