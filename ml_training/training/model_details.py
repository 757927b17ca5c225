"""Makes the details of a model that the API shows beside its scores, as JSON values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ml_training.selection.plan import FeatureSchema, Folds, TrainPlan
from ml_training.training.curves import classification_curves
from ml_training.training.estimators.base import FitResult
from ml_training.training.evaluation import confusion_details
from ml_training.training.fitting import FittedFold, ScoredFold
from ml_training.training.summary import pooled

SPLIT_ITERATIONS = 200  # points of the learning curve of one of several splits


def model_details(plan: TrainPlan, folds: Folds, *, splits: Sequence[ScoredFold], final: FittedFold) -> dict[str, Any]:
    """Rows, features, classes and importance of the model; confusion matrix and curves of the held-out rows.

    With several splits the held-out rows of all of them are used together.
    """
    labels, classes = plan.labels, plan.labels.classes
    y, held_out = pooled(plan, folds, splits)
    schema, fitted = final.model.schema, final.fitted
    learning: dict[str, Any] = {"learning": final.scored.curve.to_json()}
    if final.scored.on_held_out is None:
        learning["learning_by_split"] = [split.curve.to_json(at_most=SPLIT_ITERATIONS) for split in splits]
    return {
        "rows": {
            "train": len(folds.final.train),
            "held_out": len(y),
            "dropped": plan.dropped,
            "not_covered": labels.not_covered,
            "purged": folds.purged,
        },
        "train_rows_scored": sum(split.train_scored for split in splits),
        "features": [_feature(feature) for feature in schema.features],
        "classes": None if classes is None else list(classes),
        "positive_class": None if classes is None or labels.positive is None else classes[labels.positive],
        "iterations": fitted.iterations,
        "best_iteration": fitted.best_iteration,
        "importance": _importance(fitted, [feature.name for feature in schema.features]),
        "confusion_matrix": confusion_details(y, held_out, classes=classes),
        "curves": {**learning, **classification_curves(y, held_out)},
    }


def _feature(feature: FeatureSchema) -> dict[str, Any]:
    window = None if feature.window is None else asdict(feature.window)
    return {
        "name": feature.name,
        "kind": feature.kind.value,
        "categories": len(feature.categories),
        "window": window,
    }


def _importance(fitted: FitResult, features: Sequence[str]) -> dict[str, Any] | None:
    """The most important feature first; None when the algorithm has no measure of its own."""
    found = fitted.model.importance()
    if found is None:
        return None
    splits: Sequence[int | None] = found.splits or [None] * len(found.values)
    ordered = sorted(zip(features, found.values, splits, strict=True), key=lambda item: -item[1])
    return {
        "method": found.method,
        "features": [{"feature": name, "value": value, "splits": count} for name, value, count in ordered],
    }
