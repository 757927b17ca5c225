"""Estimates which share of a fold each stage takes, so that progress moves in proportion to time.

The estimates are nanoseconds per cell (one row of one feature) on one thread; only their ratios matter. Each family of
algorithms has its own, `Family.cost`. They are typical values, measured on 60,000 rows of 20 features; the measured
rate of the rounds corrects the ETA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml_training.domain.specs import TrainSpec
from ml_training.selection.schema import FeatureSchema
from ml_training.training.estimators import FAMILIES
from ml_training.training.scored_rows import scored_count

READ_COLUMN, READ_WINDOW = 20.0, 70.0  # nanoseconds per cell


@dataclass(frozen=True, slots=True)
class StageShares:
    """The share of the fold that is done after reading, before and after the rounds, and after the calibration."""

    read: float
    prepared: float
    fitted: float
    calibrated: float


def stage_shares(
    spec: TrainSpec, features: Sequence[FeatureSchema], *, train: int, held_out: int, calibrate: int = 0
) -> StageShares:
    """The expected shares of a fold: `train` rows to learn from, of which `calibrate` are set aside for the
    probabilities, and `held_out` rows to predict."""
    cost, rows = FAMILIES[spec.model_type].cost, train + held_out
    windows = sum(feature.window is not None for feature in features)
    read = rows * (windows * READ_WINDOW + (len(features) - windows) * READ_COLUMN)
    cells = train * len(features)
    prepare, rounds = cells * cost.prepare, cells * cost.per_round * _rounds(spec.params)
    predict = (scored_count(train) + held_out) * len(features) * cost.predict if held_out else 0.0
    fitted, calibration = read + prepare + rounds, calibrate * len(features) * cost.predict
    total = fitted + calibration + predict
    return StageShares(read / total, (read + prepare) / total, fitted / total, (fitted + calibration) / total)


def _rounds(params: dict[str, Any]) -> int:
    return int(params.get("n_estimators") or params.get("max_iter") or 1)
