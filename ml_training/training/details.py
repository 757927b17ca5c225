"""What the registry shows of a model beside its scores: JSON, documented by its keys."""

import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from ml_training.selection.plan import ModelSchema, TrainPlan
from ml_training.training.curves import LearningCurve, classification_curves
from ml_training.training.estimators.base import Fitted
from ml_training.training.evaluation import confusion_details
from ml_training.training.scores import Predicted

LIBRARIES = {"numpy": "numpy", "scikit_learn": "scikit-learn", "lightgbm": "lightgbm", "skops": "skops"}


def model_details(
    plan: TrainPlan, schema: ModelSchema, *, fitted: Fitted, curve: LearningCurve, held_out: Predicted
) -> dict[str, Any]:
    """Rows, features, classes, importance, and the confusion matrix and curves of the held-out rows."""
    y = plan.y[plan.held_out]
    return {
        "rows": {"train": len(plan.train), "held_out": len(plan.held_out), "dropped": plan.dropped},
        "features": [
            {"name": feature.name, "kind": feature.kind.value, "categories": len(feature.categories)}
            for feature in schema.features
        ],
        "classes": None if plan.classes is None else list(plan.classes),
        "positive_class": None if plan.classes is None or plan.positive is None else plan.classes[plan.positive],
        "iterations": fitted.iterations,
        "best_iteration": fitted.best_iteration,
        "importance": _importance(fitted, plan.features),
        "confusion_matrix": confusion_details(y, held_out, classes=plan.classes),
        "curves": {"learning": curve.to_json(), **classification_curves(y, held_out)},
    }


@cache
def versions() -> dict[str, str]:
    """The versions that a model depends on."""
    return {"python": platform.python_version()} | {name: version(package) for name, package in LIBRARIES.items()}


def _importance(fitted: Fitted, features: tuple[str, ...]) -> dict[str, Any] | None:
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
