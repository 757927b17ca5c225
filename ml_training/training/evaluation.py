"""Runs TEST and COMPARE: stored models predict rows of a data set, and the predictions are scored."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ml_training.domain.score_names import LOWER_IS_BETTER
from ml_training.domain.specs import CompareSpec, TestSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.plan import TestPlan
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.curves import classification_curves
from ml_training.training.reporter import TrainingReporter
from ml_training.training.results import ComparisonOutcome, TestOutcome
from ml_training.training.score_intervals import score_intervals, with_method
from ml_training.training.scores import Predictions, Scores, confusion, finite, score
from ml_training.training.significance import RESAMPLES, paired_bootstrap
from ml_training.training.stage_progress import StageProgress
from ml_training.training.warnings_log import warnings_logged

INTERVAL_SEED = 42  # a TEST has no random_state
OVERFITTED_BY = 0.1  # training accuracy (regression: r2) above the one measured here
MAX_CONFUSION_CLASSES = 100  # a larger matrix is not readable, and does not fit into a row
EQUAL_DIGITS = 12  # scores that agree to this many significant digits are equal


def test(
    model: LoadedModel,
    plan: TestPlan[TestSpec],
    *,
    model_scores: Mapping[str, Mapping[str, float | None]],
    overlap: bool,
    reporter: TrainingReporter,
    cores: Cores,
) -> TestOutcome:
    """Score one model on the rows of the plan; raises Interrupted.

    model_scores: the scores of its training; overlap: whether it was fitted on any of the rows, passed through.
    """
    labels = plan.labels
    progress = StageProgress(reporter)
    reporter.features(len(model.schema.features))
    with warnings_logged(reporter):
        progress.stage(f"predicting {len(labels.rows)} rows", until=0.9)
        predicted = model.predict_rows(plan.index, labels.rows, cores=cores, progress=progress)
        progress.stage("scoring", until=1.0)
        scores = score(labels.y, predicted)
        outcome = TestOutcome(
            rows=len(labels.rows),
            scores=scores,
            overlap=overlap,
            degradation={name: _minus(model_scores["held_out"].get(name), value) for name, value in scores.items()},
            overfitted=overfitted(model_scores["train"], scores, task=labels.task),
            accuracy=scores.get("accuracy"),
            details={
                "rows": {"test": len(labels.rows), "dropped": plan.dropped, "not_covered": labels.not_covered},
                "confusion_matrix": confusion_details(labels.y, predicted, classes=labels.classes),
                "curves": classification_curves(labels.y, predicted),
                "score_intervals": with_method({"test": score_intervals(labels.y, predicted, seed=INTERVAL_SEED)}),
            },
        )
    progress.finish("tested")
    return outcome


def compare(
    models: Sequence[LoadedModel], plan: TestPlan[CompareSpec], *, reporter: TrainingReporter, cores: Cores
) -> ComparisonOutcome:
    """Rank models by the metric of the spec on the rows of the plan; raises Interrupted.

    `schema.model_id` identifies each model.
    """
    labels, metric, seed = plan.labels, plan.spec.metric, plan.spec.random_state
    progress = StageProgress(reporter)
    predicted, scores = [], []
    with warnings_logged(reporter):
        for number, model in enumerate(models, start=1):
            progress.stage(f"model {number} of {len(models)}", until=0.8 * number / len(models))
            predicted.append(model.predict_rows(plan.index, labels.rows, cores=cores, progress=progress))
            scores.append(score(labels.y, predicted[-1]))
        order = sorted(range(len(models)), key=lambda at: _better_first(scores[at][metric], metric))
        ranking = _ranking([(models[at].schema.model_id, scores[at]) for at in order], metric)
        progress.stage("comparing first and second", until=1.0)
        best = (predicted[order[0]], predicted[order[1]])
        outcome = ComparisonOutcome(
            metric=metric,
            rows=len(labels.rows),
            winner_model_id=_winner(ranking),
            ranking=tuple(ranking),
            significance=_significance(metric, labels.y, best, ranking=ranking, seed=seed, progress=progress),
        )
    progress.finish("compared")
    return outcome


def overfitted(train: Mapping[str, float | None], here: Scores, *, task: TaskKind) -> bool | None:
    """Whether the training score is better by more than `OVERFITTED_BY`; None when one of the scores is undefined."""
    name = "accuracy" if task.is_classification else "r2"
    lead = _minus(train.get(name), here.get(name))
    return None if lead is None else lead > OVERFITTED_BY


def confusion_details(
    y: NDArray[Any], predicted: Predictions, *, classes: Sequence[Any] | None
) -> dict[str, Any] | None:
    """Counts by true class (rows) and predicted class (columns); None for regression and for too many classes."""
    if classes is None or len(classes) > MAX_CONFUSION_CLASSES:
        return None
    return {"labels": list(classes), "counts": confusion(y, predicted).tolist()}


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else finite(first - second)


def _better_first(value: float | None, metric: str) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else value if metric in LOWER_IS_BETTER else -value


def _ranking(scored: list[tuple[int, Scores]], metric: str) -> list[dict[str, Any]]:
    """Ranks from 1; equal values share the better rank, as in sport (1, 1, 3)."""
    ranking: list[dict[str, Any]] = []
    for position, (model_id, scores) in enumerate(scored, start=1):
        is_tied = position > 1 and _rounded(scores[metric]) == _rounded(ranking[-1]["value"])
        rank = ranking[-1]["rank"] if is_tied else position
        ranking.append({"rank": rank, "model_id": model_id, "value": scores[metric], "scores": scores})
    return ranking


def _winner(ranking: Sequence[Mapping[str, Any]]) -> int | None:
    first, second = ranking[0], ranking[1]
    if first["value"] is None or second["rank"] == first["rank"]:
        return None
    return int(first["model_id"])


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value + 0.0:.{EQUAL_DIGITS}g}"


def _significance(
    metric: str,
    y: NDArray[Any],
    pair: tuple[Predictions, Predictions],
    *,
    ranking: Sequence[Mapping[str, Any]],
    seed: int,
    progress: StageProgress,
) -> dict[str, Any]:
    first, second = ranking[0], ranking[1]
    found: dict[str, Any] = {
        "method": "paired bootstrap",
        "resamples": RESAMPLES,
        "confidence": 0.95,
        "first_model_id": first["model_id"],
        "second_model_id": second["model_id"],
    }
    if first["value"] is None or second["value"] is None:
        return found | {"difference": None, "interval": None, "significant": None}
    difference = paired_bootstrap(metric, y, pair, seed=seed, progress=progress)
    interval = None if difference.low is None else [difference.low, difference.high]
    return found | {
        "difference": difference.value,
        "interval": interval,
        "significant": difference.significant,
    }
