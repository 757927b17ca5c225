"""Makes the details of a model that the API shows beside its scores, as JSON values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from ml_training.selection.plan import FeatureSchema, Folds, TrainPlan
from ml_training.training.curves import classification_curves
from ml_training.training.estimators.base import FitResult
from ml_training.training.evaluation import confusion_details
from ml_training.training.fitting import FittedFold, ScoredFold
from ml_training.training.held_out_errors import held_out_errors
from ml_training.training.prediction_sets import set_coverage
from ml_training.training.score_intervals import score_intervals, with_method
from ml_training.training.scores import Predictions
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
        "score_intervals": _intervals(plan, splits, y, held_out),
        "held_out_errors": held_out_errors(y, held_out),
        **_calibration(plan, folds),
        "prediction_sets": set_coverage(y, held_out, seed=plan.spec.random_state),
    }


def _calibration(plan: TrainPlan, folds: Folds) -> dict[str, Any]:
    """How the probabilities of the stored model are calibrated, on how many rows; nothing when they are not."""
    if plan.spec.calibration == "none":
        return {}
    return {"calibration": {"method": plan.spec.calibration, "rows": len(folds.final.calibrate)}}


def _intervals(plan: TrainPlan, splits: Sequence[ScoredFold], y: NDArray[Any], held_out: Predictions) -> dict[str, Any]:
    """Of the scores on held-out rows, those of all splits together; and on the training part of the only split."""
    found = {"held_out": score_intervals(y, held_out, seed=plan.spec.random_state)}
    if len(splits) == 1 and splits[0].train_intervals is not None:
        found["train"] = splits[0].train_intervals
    return with_method(found)


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
