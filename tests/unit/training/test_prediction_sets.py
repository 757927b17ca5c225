"""Prediction sets: which classes are in them, and how their coverage is measured."""

import numpy as np
import pytest

from ml_training.domain.conformal import HeldOutErrors
from ml_training.domain.states import TaskKind
from ml_training.training import prediction_sets as measured
from ml_training.training.held_out_errors import held_out_errors
from ml_training.training.prediction_sets import prediction_sets, right_class_errors, set_coverage
from ml_training.training.scores import Predictions


def predictions(rows: int, *, seed: int = 1, classes: int = 3) -> tuple[np.ndarray, Predictions]:
    """Rows whose class is drawn with the probabilities that are predicted."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(classes, 0.5), rows)
    y = (chances.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1).clip(max=classes - 1)
    return y, Predictions(TaskKind.MULTICLASS, None, chances, True)


def test_a_set_has_the_classes_with_at_most_the_largest_error() -> None:
    chances = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0], [0.4, 0.3, 0.3]])
    predicted = Predictions(TaskKind.MULTICLASS, None, chances, True)
    assert prediction_sets(predicted, 0.5).tolist() == [[True, False, False], [False, True, False], [False] * 3]
    assert prediction_sets(predicted, 1.0).all()
    assert right_class_errors(np.array([1, 1, 2]), predicted) == pytest.approx([0.7, 0.1, 0.7])


def test_without_probabilities_the_error_is_the_distance_from_the_largest_score() -> None:
    predicted = Predictions(TaskKind.BINARY, 1, np.array([[-2.0, 2.0], [0.5, -0.5]]), False)
    assert right_class_errors(np.array([0, 0]), predicted).tolist() == [4.0, 0.0]
    assert prediction_sets(predicted, 1.0).tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.99])
def test_the_errors_that_are_stored_make_sets_that_hold_the_class_of_new_rows_so_often(confidence: float) -> None:
    stored = held_out_errors(*predictions(20_000))
    errors = HeldOutErrors.of_details({"held_out_errors": stored})
    assert errors is not None
    limit = errors.largest_error(confidence)
    assert limit is not None
    y, fresh = predictions(20_000, seed=2)
    held = prediction_sets(fresh, limit)[np.arange(len(y)), y]
    assert held.mean() == pytest.approx(confidence, abs=0.01)


def test_the_coverage_is_measured_on_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    y, predicted = predictions(2_001)
    found = set_coverage(y, predicted, seed=3)
    assert found is not None
    assert [one["confidence"] for one in found] == [0.8, 0.9, 0.95, 0.99]
    for one in found:
        assert one["coverage"] == pytest.approx(one["confidence"], abs=0.03)
        shares = np.bincount(y) / len(y)
        assert np.dot(shares, one["coverage_by_class"]) == pytest.approx(one["coverage"])
    sizes = [one["mean_size"] for one in found]
    assert sizes == sorted(sizes)
    assert found == set_coverage(y, predicted, seed=3)
    monkeypatch.setattr(measured, "ROWS_PER_BATCH", 100)
    assert found == set_coverage(y, predicted, seed=3), "in batches"


def test_few_rows_many_classes_and_quantities() -> None:
    y, predicted = predictions(20)
    few = set_coverage(y, predicted, seed=1)
    assert few is not None
    assert [one["confidence"] for one in few] == [0.8, 0.9], "a half of ten rows"
    assert set_coverage(*predictions(1), seed=1) == []
    [first, *_] = set_coverage(*predictions(40, classes=101), seed=1) or []
    assert first["coverage_by_class"] is None
    only_one = set_coverage(np.zeros(50, np.int64), predictions(50)[1], seed=1) or []
    assert only_one[0]["coverage_by_class"][1:] == [None, None]
    assert set_coverage(np.ones(9), Predictions(TaskKind.REGRESSION, None, np.ones(9), False), seed=1) is None
