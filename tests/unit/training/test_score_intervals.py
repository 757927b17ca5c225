"""Intervals of scores: they hold the true score as often as they say, and are equal for equal input."""

import numpy as np
import pytest

from ml_training.domain.states import TaskKind
from ml_training.training.score_intervals import RESAMPLES, score_intervals, with_method
from ml_training.training.scores import Predictions, score


def binary(rows: int, seed: int, *, right: float = 0.8) -> tuple[np.ndarray, Predictions]:
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows).astype(np.int32)
    chance = np.where((random.random(rows) < right) == (y == 1), 0.7, 0.3)
    return y, Predictions(TaskKind.BINARY, 1, np.column_stack([1 - chance, chance]), True)


@pytest.mark.parametrize("rows", [80, 1_000])
def test_the_true_score_is_inside_about_as_often_as_they_say(rows: int) -> None:
    inside = 0
    for seed in range(60):
        y, predicted = binary(rows, seed)
        interval = score_intervals(y, predicted, seed=seed, names=["accuracy"])["accuracy"]
        assert interval is not None
        inside += interval[0] <= 0.8 <= interval[1]
    assert inside >= 51, "of 60, with 95 % confidence each"


def test_every_score_has_an_interval_around_it_and_undefined_ones_have_none() -> None:
    y, predicted = binary(500, 1)
    found = score_intervals(y, predicted, seed=1)
    for name, value in score(y, predicted).items():
        interval = found[name]
        assert value is not None
        assert interval is not None
        assert interval[0] <= value <= interval[1], name
    assert found == score_intervals(y, predicted, seed=1)
    assert found != score_intervals(y, predicted, seed=2)
    one_class = score_intervals(np.zeros(50, np.int32), binary(50, 1)[1], seed=1)
    assert one_class["roc_auc"] is None


def test_huge_errors_and_one_row_do_no_harm() -> None:
    huge = Predictions(TaskKind.REGRESSION, None, np.array([1e308, -1e308, 1e308]), False)
    found = score_intervals(np.array([-1e308, 1e308, 0.0]), huge, seed=1)
    assert set(found) == {"rmse", "mae", "r2", "mape"}
    one = score_intervals(np.array([2.0]), Predictions(TaskKind.REGRESSION, None, np.array([3.0]), False), seed=1)
    assert one["mae"] == [1.0, 1.0]
    assert one["r2"] is None
    assert with_method({"test": one})["resamples"] == RESAMPLES
