"""The card of a model: what is known about it, from stored facts only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_training.db import results
from ml_training.domain.records import Explanation, Json, Model
from ml_training.services.queries import get_model
from ml_training.services.resources import Resources

MOST_FEATURES = 30
SHOWN_CURVES = ("roc", "precision_recall", "learning")
OF_DATA = ("dataset_id", "dataset_name", "dataset_version", "dataset_sha256")
OF_SPLIT = ("target", "train_start", "train_end", "phases", "validation", "class_balance", "early_stopping_rounds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Facts about a model by topic; explanation: the newest one, without its lineage, or None."""

    model: Model
    scores: Json
    score_intervals: Json
    rows: Json
    data: Json
    split: Json
    params: Json
    classes: list[Any] | None
    positive_class: Any
    importance: Json | None
    confusion_matrix: Json | None
    curves: Json
    warnings: list[Json]
    explanation: Json | None
    lineage: Json


def model_card(resources: Resources, model_id: int) -> ModelCard:
    """The card; raises NotFound."""
    model = get_model(resources, model_id)
    with resources.database.read() as connection:
        explanation = results.newest_explanation(connection, model_id)
    spec, details = model.lineage.get("spec", {}), model.details
    return ModelCard(
        model=model,
        scores=model.scores,
        score_intervals=details.get("score_intervals") or {},
        rows=details.get("rows") or {},
        data={name: model.lineage.get(name) for name in OF_DATA},
        split={name: spec.get(name) for name in OF_SPLIT},
        params=spec.get("params") or {},
        classes=details.get("classes"),
        positive_class=details.get("positive_class"),
        importance=_importance(details.get("importance")),
        confusion_matrix=details.get("confusion_matrix"),
        curves={name: found for name in SHOWN_CURVES if (found := (details.get("curves") or {}).get(name))},
        warnings=list(details.get("warnings") or ()),
        explanation=None if explanation is None else _shown(explanation),
        lineage={name: model.lineage.get(name) for name in ("random_state", "versions", "code_revision")},
    )


def _importance(found: Mapping[str, Any] | None) -> Json | None:
    return None if found is None else {**found, "features": found["features"][:MOST_FEATURES]}


def _shown(explanation: Explanation) -> Json:
    found = explanation.details
    permuted = _importance(found["permutation_importance"])
    facts = {"id": explanation.id, "dataset_id": explanation.dataset_id, "rows": explanation.rows}
    parts = ("metric", "scores", "score_intervals", "calibration", "slices", "partial_dependence")
    return {**facts, **{name: found[name] for name in parts}, "permutation_importance": permuted}
