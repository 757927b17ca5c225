"""Runs DRIFT: compares every feature, then all together, and weighs what matters to the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.schema import FeatureSchema
from ml_training.selection.cell_counts import CellCounts
from ml_training.selection.drift_plan import DriftPlan, DriftSide
from ml_training.training.cores import Cores
from ml_training.training.drift.classifier import MOST_ROWS, classifier_area
from ml_training.training.drift.exchanged_blocks import (
    PERMUTATIONS,
    SIGNIFICANT,
    ExchangedBlocks,
    block_numbers,
    p_value,
)
from ml_training.training.drift.feature_comparison import FeatureComparison, compare_feature
from ml_training.training.matrix import Matrix, MatrixReader
from ml_training.training.reporter import TrainingReporter
from ml_training.training.stage_progress import StageProgress

Array = NDArray[np.float64]


def drift(
    plan: DriftPlan, importance: Mapping[str, float], *, reporter: TrainingReporter, cores: Cores
) -> dict[str, Any]:
    """The parts of a drift report as JSON values (docs/drift.md); raises Interrupted.

    importance: of each feature for the model, 0 or more; empty: all weigh the same. Equal plans give equal reports.
    """
    progress = StageProgress(reporter)
    features = plan.model.features
    reporter.features(len(features))
    progress.stage("reading both sides", until=0.2)
    training, compared = (MatrixReader(side.index, features).read(side.rows) for side in (plan.training, plan.compared))
    unseen = _unseen(plan.compared, plan)
    exchanged = ExchangedBlocks(seed=plan.spec.random_state)
    progress.stage("comparing each feature", until=0.8)
    found = []
    for at, feature in enumerate(features):
        one = compare_feature(feature, training[:, at], compared[:, at], exchanged)
        share = unseen.get(feature.name, 0) / len(compared) if feature.window is None else 0.0
        one.said["unseen_share"] = share
        one.said["missing_share"] = max(0.0, one.said["missing_share"] - share)  # the model takes both for missing
        found.append(one)
        progress.step(at + 1, len(features), f"feature {at + 1} of {len(features)}")
    verdict = judge(found, weights_of(features, importance), threshold=plan.spec.threshold)
    progress.stage("telling both sides apart", until=1.0)
    area = _area(training, compared, found, seed=plan.spec.random_state, threads=cores.granted())
    progress.finish("compared")
    return {
        "rows": {
            "training": len(training),
            "training_selected": plan.training.selected,
            "compared": len(compared),
            "compared_selected": plan.compared.selected,
        },
        "by_time": plan.by_time,
        "permutations": PERMUTATIONS,
        "auc": area,
        "weights": "importance" if importance else "equal",
        "threshold": plan.spec.threshold,
        **verdict,
        "features": sorted((one.said for one in found), key=lambda item: -item["psi"] * item["weight"]),
    }


def judge(found: Sequence[FeatureComparison], weights: Array, *, threshold: float) -> dict[str, Any]:
    """The numbers over all features; writes the weight of each one beside its own numbers.

    Only features with a p-value are judged: of the others nobody can say whether they have moved, or only move slowly.
    """
    for one, weight in zip(found, weights, strict=True):
        one.said["weight"] = float(weight)
    weighted = sum(one.said["weight"] * one.said["psi"] for one in found)
    judged = [one for one in found if one.indices is not None]
    part = sum(one.said["weight"] * one.said["psi"] for one in judged)
    indices = [one.said["weight"] * one.indices for one in judged if one.indices is not None]
    significance = p_value(np.sum(indices, axis=0)) if indices else None
    return {
        "weighted_psi": float(weighted),
        "judged_psi": float(part),
        "p_value": significance,
        "drifted": bool(part >= threshold and significance is not None and significance <= SIGNIFICANT),
    }


def _unseen(side: DriftSide, plan: DriftPlan) -> Mapping[str, int]:
    """By feature the cells with a category that the model does not know."""
    counts = CellCounts(side.index, plan.model)
    counts.add(side.rows)
    return counts.unseen


def weights_of(features: Sequence[FeatureSchema], importance: Mapping[str, float]) -> Array:
    """Shares of the importance that add up to 1; equal ones when nothing is known or all is 0."""
    values = np.array([max(0.0, importance.get(feature.name, 0.0)) for feature in features])
    total = values.sum()
    equal: Array = np.full(len(features), 1 / len(features))
    return values / total if np.isfinite(total) and total > 0 else equal


def _area(
    training: Matrix, compared: Matrix, found: Sequence[FeatureComparison], *, seed: int, threads: int
) -> float | None:
    """Of at most MOST_ROWS rows of each side, at even distances; blocks of the longest length, at least two a side."""
    length = min(max(one.said["block_rows"] for one in found), min(len(training), len(compared)) // 2)
    parts = []
    for side in (training, compared):
        rows = np.unique(np.linspace(0, len(side) - 1, min(MOST_ROWS, len(side))).astype(np.int64))
        parts.append((side[rows], block_numbers(len(side), length=length)[rows]))
    (first, first_blocks), (second, second_blocks) = parts
    is_compared = np.concatenate([np.zeros(len(first), np.bool_), np.ones(len(second), np.bool_)])
    blocks = np.concatenate([first_blocks, second_blocks])
    return classifier_area(np.concatenate([first, second]), is_compared, blocks, seed=seed, threads=threads)
