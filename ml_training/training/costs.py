"""Which share of a fold each stage takes, so that progress moves as the time does.

The figures are nanoseconds a cell (a row of a feature) on one thread, as `python -m tools.bench.stages` measures them;
only their ratios count. They are typical, not exact: the measured rate of the rounds corrects the ETA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.specs import TrainSpec
from ml_training.selection.schema import FeatureSchema

READ, READ_WINDOW = 20.0, 70.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Until the first round, each round (tree, iteration, epoch), and asking the model."""

    prepare: float
    a_round: float
    score: float


COSTS: dict[ModelType, Cost] = {
    ModelType.LIGHTGBM: Cost(200.0, 8.0, 30.0),
    ModelType.RANDOM_FOREST: Cost(50.0, 900.0, 100.0),
    ModelType.EXTRA_TREES: Cost(50.0, 130.0, 100.0),
    ModelType.HIST_GRADIENT_BOOSTING: Cost(170.0, 11.0, 100.0),
    ModelType.LOGISTIC_REGRESSION: Cost(200.0, 1.0, 60.0),
    ModelType.RIDGE: Cost(100.0, 200.0, 60.0),
    ModelType.MLP: Cost(100.0, 300.0, 100.0),
}


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of the fold that is done after reading, before the first round, and after the last."""

    read: float
    prepared: float
    fitted: float


def shares(spec: TrainSpec, features: Sequence[FeatureSchema], *, train: int, held_out: int) -> Shares:
    """What to expect of a fold with so many rows."""
    cost, rows = COSTS[spec.model_type], train + held_out
    made = sum(feature.window is not None for feature in features)
    read = rows * (made * READ_WINDOW + (len(features) - made) * READ)
    cells = train * len(features)
    prepare, rounds = cells * cost.prepare, cells * cost.a_round * _rounds(spec.params)
    score = rows * len(features) * cost.score if held_out else 0.0
    total = read + prepare + rounds + score
    return Shares(read / total, (read + prepare) / total, (read + prepare + rounds) / total)


def _rounds(params: dict[str, Any]) -> int:
    return int(params.get("n_estimators") or params.get("max_iter") or 1)
