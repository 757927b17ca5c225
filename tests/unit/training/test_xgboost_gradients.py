"""The derivatives are those of the library, and their sums are the same in whatever order they are added up."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from ml_training.domain.states import TaskKind
from ml_training.training.estimators import xgboost_gradients
from ml_training.training.estimators.xgboost_gradients import Gradients, with_exact_sums

ROWS = 3_000


@pytest.mark.parametrize("spread", [0.0, 1.0, 20.0])
def test_a_sum_is_the_same_in_any_order_and_in_any_parts(spread: float) -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=ROWS) * np.exp(spread * random.normal(size=ROWS))
    summands = with_exact_sums(values.astype(np.float32)).astype(np.float64)
    exact = float(sum(map(Fraction, summands.tolist())))
    for parts in (1, 2, 3, 7):
        order = random.permutation(ROWS)
        assert sum(np.add.accumulate(part)[-1] for part in np.array_split(summands[order], parts)) == exact
    unit = np.abs(values).max() * ROWS * 2.0**-51
    assert np.abs(summands - values.astype(np.float32)).max() <= unit


def test_values_that_need_no_rounding_stay_as_they_are() -> None:
    values = np.random.default_rng(2).normal(size=ROWS).astype(np.float32)
    large = values[np.abs(values) > 1e-3]
    np.testing.assert_array_equal(with_exact_sums(large.copy()), large)


@pytest.mark.parametrize("values", [np.zeros(5), np.array([1.0, math.inf]), np.array([1.0, math.nan])], ids=str)
def test_what_has_no_largest_value_is_left_alone(values: Any) -> None:
    np.testing.assert_array_equal(with_exact_sums(values.astype(np.float32)), values.astype(np.float32))


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("task", TaskKind)
def test_a_round_with_them_is_a_round_of_the_library(
    monkeypatch: pytest.MonkeyPatch, task: TaskKind, weighed: bool
) -> None:
    monkeypatch.setattr(xgboost_gradients, "CELLS_PER_PART", 1_000)
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, 3))
    y: Any = x[:, 0] + random.normal(size=ROWS)
    if task.is_classification:
        y = np.digitize(y, [0.3] if task is TaskKind.BINARY else [-1.0, 0.3]).astype(np.int32)
    weights = random.random(ROWS) if weighed else None
    objective = {
        TaskKind.BINARY: {"objective": "binary:logistic", "base_score": 0.4},
        TaskKind.MULTICLASS: {"objective": "multi:softprob", "num_class": 3, "base_score": [0.1, 0.2, -0.3]},
        TaskKind.REGRESSION: {"objective": "reg:squarederror", "base_score": 0.4},
    }[task]
    data = xgb.QuantileDMatrix(x, label=y, weight=weights)
    ours, theirs = (xgb.Booster({**objective, "max_depth": 3}, cache=[data]) for _ in range(2))
    gradients = Gradients(task, y, weights)
    for number in range(3):
        theirs.update(data, number)
        first, second = gradients.at(ours.predict(data, output_margin=True, training=True))
        ours.boost(data, number, grad=first, hess=second)
    margins = [booster.predict(data, output_margin=True) for booster in (ours, theirs)]
    np.testing.assert_allclose(*margins, rtol=1e-5, atol=1e-6)
