"""Scores and curves equal scikit-learn's to the last digit, for any labels and predictions."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ml_training.domain.states import TaskKind
from ml_training.training import curves
from ml_training.training.curves import classification_curves
from ml_training.training.scores import Predictions, confusion, score

Case = tuple[np.ndarray, Predictions]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few rows or many, few different values (ties, both zeros) or many, some classes never true or never predicted."""
    classes = draw(st.integers(2, 20))
    rows = draw(st.one_of(st.integers(1, 12), st.integers(1, 3_000)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = random.choice(draw(st.lists(st.integers(0, classes - 1), min_size=1)), rows)
    raw = random.normal(size=(rows, classes)) * draw(st.sampled_from([1e-9, 1.0, 30.0]))
    raw = np.round(raw, draw(st.sampled_from([0, 1, 12])))  # -0.0 among them
    raw[:, draw(st.lists(st.integers(0, classes - 1)))] -= draw(st.sampled_from([0.0, 50.0]))
    probabilistic = draw(st.booleans())
    if probabilistic:
        raw = np.exp(raw - raw.max(axis=1, keepdims=True))
        raw /= raw.sum(axis=1, keepdims=True)
    positive = draw(st.integers(0, 1)) if classes == 2 else None
    task = TaskKind.BINARY if classes == 2 else TaskKind.MULTICLASS
    return y, Predictions(task, positive, raw, probabilistic)


def by_scikit_learn(y: np.ndarray, predicted: Predictions) -> dict[str, float]:
    """The library's functions, one a score; NaN where a score is undefined."""
    labels, values, every = np.argmax(predicted.values, axis=1), predicted.values, np.arange(predicted.classes)
    average: dict[str, Any] = {"average": "macro", "labels": every}
    if predicted.positive is not None:
        average = {"average": "binary", "pos_label": predicted.positive}
    codes = every if predicted.positive is None else [predicted.positive]
    areas = [metrics.roc_auc_score(y == code, values[:, code]) for code in codes if 0 < (y == code).sum() < len(y)]
    is_constant = len(np.unique(y)) == 1 or len(np.unique(labels)) == 1
    return {
        "accuracy": metrics.accuracy_score(y, labels),
        "f1": metrics.f1_score(y, labels, zero_division=np.nan, **average),
        "precision": metrics.precision_score(y, labels, zero_division=np.nan, **average),
        "recall": metrics.recall_score(y, labels, zero_division=np.nan, **average),
        "roc_auc": np.mean(areas) if areas else np.nan,
        "mcc": np.nan if is_constant else metrics.matthews_corrcoef(y, labels),
        "log_loss": metrics.log_loss(y, values, labels=every) if predicted.probabilistic else np.nan,
    }


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(cases())
@example((np.array([1]), Predictions(TaskKind.BINARY, 1, np.array([[1.0, 0.0]]), True)))
@example((np.array([0, 1, 1]), Predictions(TaskKind.BINARY, 1, np.array([[0.0, -0.0], [0.0, 0.0], [0, 1]]), False)))
def test_scores_are_those_of_scikit_learn_to_the_last_digit(case: Case) -> None:
    y, predicted = case
    found = score(y, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = by_scikit_learn(y, predicted)
    assert {name: found[name] for name in expected} == {
        name: None if np.isnan(value) else value for name, value in expected.items()
    }
    every = np.arange(predicted.classes)
    np.testing.assert_array_equal(confusion(y, predicted), metrics.confusion_matrix(y, predicted.labels, labels=every))


@settings(max_examples=100, deadline=None)
@given(cases().filter(lambda case: case[1].positive is not None))
def test_curves_are_those_of_scikit_learn_to_the_last_digit(case: Case) -> None:
    y, predicted = case
    truth, values = y == predicted.positive, predicted.values[:, predicted.positive]
    found = classification_curves(y, predicted)
    if truth.all() or not truth.any():
        assert found == {}
        return
    fpr, tpr, threshold = metrics.roc_curve(truth, values)
    precision, recall, _ = metrics.precision_recall_curve(truth, values)
    assert found == {
        "roc": curves._thinned(fpr=fpr, tpr=tpr, beside={"threshold": threshold}),
        "precision_recall": curves._thinned(recall=recall, precision=precision),
    }
