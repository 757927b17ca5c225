"""Scores are scikit-learn's, and undefined ones are None."""

import json
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.training.scores import Predictions, confusion, score


def binary(positive_scores: Any, *, positive: int = 1, probabilistic: bool = True) -> Predictions:
    second = np.asarray(positive_scores, dtype=np.float64)
    return Predictions(TaskKind.BINARY, positive, np.column_stack([1 - second, second]), probabilistic)


def many(rows: int, classes: int, *, seed: int = 0) -> tuple[np.ndarray, Predictions]:
    random = np.random.default_rng(seed)
    raw = random.random((rows, classes))
    y = np.where(random.random(rows) < 0.5, raw.argmax(axis=1), random.integers(0, classes, rows))
    return y, Predictions(TaskKind.MULTICLASS, None, raw / raw.sum(axis=1, keepdims=True), True)


@pytest.mark.parametrize("positive", [0, 1])
def test_binary_scores_are_those_of_scikit_learn(positive: int) -> None:
    random = np.random.default_rng(1)
    y = random.integers(0, 2, 500)
    predicted = binary(np.clip(0.35 * y + 0.7 * random.random(500), 0, 1), positive=positive)
    labels = predicted.labels
    found = score(y, predicted)
    tn, fp, fn, tp = metrics.confusion_matrix(y == positive, labels == positive).ravel()
    assert found == {
        "accuracy": metrics.accuracy_score(y, labels),
        "f1": metrics.f1_score(y, labels, pos_label=positive),
        "precision": metrics.precision_score(y, labels, pos_label=positive),
        "recall": metrics.recall_score(y, labels, pos_label=positive),
        "roc_auc": metrics.roc_auc_score(y == positive, predicted.values[:, positive]),
        "mcc": metrics.matthews_corrcoef(y, labels),
        "log_loss": metrics.log_loss(y, predicted.values),
        "fpr": fp / (fp + tn),
        "fnr": fn / (fn + tp),
    }


def test_scores_of_many_classes_are_macro_means_and_one_against_the_rest() -> None:
    y, predicted = many(600, 5)
    labels = predicted.labels
    found = score(y, predicted)
    counts = metrics.multilabel_confusion_matrix(y, labels)
    assert found["f1"] == metrics.f1_score(y, labels, average="macro")
    assert found["precision"] == metrics.precision_score(y, labels, average="macro")
    assert found["recall"] == metrics.recall_score(y, labels, average="macro")
    assert found["mcc"] == metrics.matthews_corrcoef(y, labels)
    assert found["log_loss"] == metrics.log_loss(y, predicted.values)
    assert found["roc_auc"] == metrics.roc_auc_score(y, predicted.values, multi_class="ovr", average="macro")
    assert found["fpr"] == pytest.approx(np.mean([c[0, 1] / c[0].sum() for c in counts]), rel=1e-14)
    assert found["fnr"] == pytest.approx(np.mean([c[1, 0] / c[1].sum() for c in counts]), rel=1e-14)
    np.testing.assert_array_equal(confusion(y, predicted), metrics.confusion_matrix(y, labels))


def test_regression_scores_are_those_of_scikit_learn_and_mape_leaves_out_zeros() -> None:
    random = np.random.default_rng(2)
    y = random.normal(size=300)
    y[:50] = 0.0
    values = y + random.normal(scale=0.2, size=300)
    assert score(y, Predictions(TaskKind.REGRESSION, None, values, False)) == {
        "rmse": metrics.root_mean_squared_error(y, values),
        "mae": metrics.mean_absolute_error(y, values),
        "r2": metrics.r2_score(y, values),
        "mape": metrics.mean_absolute_percentage_error(y[50:], values[50:]),
    }


@pytest.mark.parametrize(
    ("y", "scores", "undefined"),
    [
        ([1, 1, 1], [0.9, 0.2, 0.8], {"roc_auc", "mcc", "fpr"}),
        ([0, 0, 0], [0.9, 0.2, 0.8], {"roc_auc", "mcc", "recall", "fnr"}),
        ([0, 0, 0], [0.1, 0.2, 0.3], {"roc_auc", "mcc", "recall", "fnr", "precision", "f1"}),
        ([0, 1, 0], [0.1, 0.2, 0.3], {"mcc", "precision"}),
        ([1], [0.9], {"roc_auc", "mcc", "fpr"}),
    ],
)
def test_what_is_undefined_is_none_and_nothing_warns(y: list[int], scores: list[float], undefined: set[str]) -> None:
    found = score(np.array(y), binary(scores))
    assert {name for name, value in found.items() if value is None} == undefined
    assert list(found) == list(CLASSIFICATION_METRICS)


def test_a_model_without_probabilities_has_no_log_loss_but_an_area_under_the_curve() -> None:
    predicted = Predictions(TaskKind.BINARY, 1, np.array([[3.0, -3.0], [-2.0, 2.0], [1.0, -1.0]]), False)
    found = score(np.array([0, 1, 1]), predicted)
    assert found["log_loss"] is None
    assert found["roc_auc"] == 1.0


def test_classes_that_do_not_occur_are_left_out_of_the_means() -> None:
    y, predicted = many(40, 6, seed=3)
    kept = (y != 5) & (predicted.labels != 5)
    part = Predictions(TaskKind.MULTICLASS, None, predicted.values[kept], True)
    found = score(y[kept], part)
    assert found["recall"] == pytest.approx(
        metrics.recall_score(y[kept], part.labels, average="macro", labels=range(5)), rel=1e-14
    )
    assert all(value is not None for value in found.values())


@pytest.mark.parametrize(
    "values", [[1e308, -1e308, 0.0], [np.inf, 0.0, 1.0], [np.nan, 0.0, 1.0]], ids=["overflow", "infinite", "nan"]
)
def test_regression_scores_stay_json_whatever_the_model_says(values: list[float]) -> None:
    y = np.array([-1e308, 1e308, 5.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if np.isfinite(values).all():
            found = score(y, Predictions(TaskKind.REGRESSION, None, np.array(values), False))
            assert list(found) == list(REGRESSION_METRICS)
            json.dumps(found, allow_nan=False)


def test_a_target_without_spread_has_no_r2() -> None:
    assert score(np.ones(3), Predictions(TaskKind.REGRESSION, None, np.arange(3.0), False))["r2"] is None


@pytest.mark.parametrize(
    ("values", "probabilistic", "message"),
    [
        ([[0.5, np.nan]], True, "not finite"),
        ([[np.inf, 0.0]], False, "not finite"),
        ([[-0.5, 1.5]], True, "outside 0 to 1"),
        (np.empty((0, 2)), True, "no rows"),
    ],
)
def test_what_is_no_prediction_is_not_scored(values: Any, probabilistic: bool, message: str) -> None:
    predicted = Predictions(TaskKind.BINARY, 1, np.array(values), probabilistic)
    with pytest.raises(ValueError, match=message):
        score(np.zeros(len(values), np.int64), predicted)


def test_probabilities_that_do_not_add_up_to_one_give_a_warning() -> None:
    predicted = Predictions(TaskKind.BINARY, 1, np.array([[0.5, 0.4], [0.1, 0.9]]), True)
    with pytest.warns(UserWarning, match="do not add up to 1"):
        score(np.array([0, 1]), predicted)


@pytest.mark.parametrize("code", [-1, 2])
def test_a_label_that_is_no_class_is_not_scored(code: int) -> None:
    with pytest.raises(ValueError, match=r"negative|reshape"):
        score(np.array([code]), binary([0.5]))
