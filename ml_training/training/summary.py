"""Summarises the scores of a TRAIN job: those of its only split, or the mean and spread over several splits."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ml_training.selection.plan import Fold, Folds, TrainPlan
from ml_training.training.baseline import baseline_scores
from ml_training.training.fitting import ScoredFold
from ml_training.training.scores import Predictions, Scores, finite, score

PARTS = ("train", "held_out")
BASELINE = "baseline"


def split_scores(plan: TrainPlan, folds: Folds, splits: Sequence[ScoredFold]) -> dict[str, Any]:
    """{"train": scores, "held_out": scores, "baseline": scores} of the only split.

    With several splits these are means, and two keys are added: "spread", the sample standard deviation of each score,
    and "splits", the scores of each split. A score that is undefined in a split is None there, and the mean and the
    spread are those of the other splits.
    """
    each = [_scores(plan, fold, split) for fold, split in zip(folds.splits, splits, strict=True)]
    if len(each) == 1:
        return each[0]
    means = {part: _over([one[part] for one in each], _mean) for part in (*PARTS, BASELINE)}
    spread = {part: _over([one[part] for one in each], _std) for part in PARTS}
    return {**means, "spread": spread, "splits": each}


def describe_rows(plan: TrainPlan, folds: Folds) -> str:
    """The rows and features of the job, as a line of its log."""
    first = folds.splits[0]
    aside = f" ({len(first.calibrate):,} of them to calibrate on)" if len(first.calibrate) else ""
    parts = f"{len(first.train):,} to learn from{aside}, {len(first.held_out):,} held out"
    if len(folds.splits) > 1:
        parts = f"{len(folds.splits)} splits, then a fit on all of them"
    left_out = f"; {plan.dropped:,} left out because they have no target" if plan.dropped else ""
    return f"{plan.labels.task}: {len(plan.features)} features of {len(plan.labels.rows):,} rows: {parts}{left_out}"


def describe_scores(scores: Mapping[str, Any]) -> str:
    """The scores on held-out rows, as a line of the job's log."""
    known = [f"{name} {value:.4g}" for name, value in scores["held_out"].items() if value is not None]
    return f"held out: {', '.join(known) or 'no score is defined'}"


def pooled(plan: TrainPlan, folds: Folds, splits: Sequence[ScoredFold]) -> tuple[Any, Predictions]:
    """The labels of all held-out rows, split by split, and the predictions of the split's model for them."""
    predictions = [split.on_held_out for split in splits if split.on_held_out is not None]
    if len(predictions) == 1:
        return plan.labels.y[folds.splits[0].held_out], predictions[0]
    y = np.concatenate([plan.labels.y[fold.held_out] for fold in folds.splits])
    values = np.concatenate([one.values for one in predictions])
    first = predictions[0]
    return y, Predictions(first.task, first.positive, values, first.probabilistic)


def _scores(plan: TrainPlan, fold: Fold, split: ScoredFold) -> dict[str, Scores]:
    found: dict[str, Scores] = {}
    if split.train_scores is not None and split.on_held_out is not None:
        held_out = score(plan.labels.y[fold.held_out], split.on_held_out)
        found = dict(zip(PARTS, (split.train_scores, held_out), strict=True))
    return {**found, BASELINE: baseline_scores(plan.labels, train=fold.train, held_out=fold.held_out)}


def _over(scores: Sequence[Scores], statistic: Any) -> Scores:
    return {name: statistic([value for one in scores if (value := one[name]) is not None]) for name in scores[0]}


def _mean(values: Sequence[float]) -> float | None:
    return _scaled(np.mean, values) if values else None


def _std(values: Sequence[float]) -> float | None:
    return _scaled(partial(np.std, ddof=1), values) if len(values) > 1 else None


def _scaled(statistic: Callable[[Any], Any], values: Sequence[float]) -> float | None:
    """The statistic, computed so that sums and squares of huge values (errors of huge targets) do not overflow."""
    largest = max(abs(value) for value in values)
    unit = 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0  # exact to divide by
    return finite(float(statistic(np.divide(values, unit))) * float(unit))
