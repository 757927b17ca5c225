"""The base line beside a model's scores is scikit-learn's dummy estimator on the same rows, to the last digit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from ml_training.domain.states import TaskKind
from ml_training.selection.labels import Labels
from ml_training.selection.plan import plan_train
from ml_training.training.baseline import baseline_scores
from ml_training.training.scores import Predictions, Scores, score
from tests.support.training_data import category, job, mixed, number, table, trained

VALIDATIONS = [{"method": "holdout", "test_size": 0.3}, {"method": "cross_validation", "splits": 4}]


def dummy_scores(labels: Labels, train: Any, held_out: Any) -> Scores:
    """What scikit-learn's dummy estimator scores."""
    x = np.zeros((len(labels.y), 1))
    if labels.task is TaskKind.REGRESSION:
        values = DummyRegressor().fit(x[train], labels.y[train]).predict(x[held_out])
        return score(labels.y[held_out], Predictions(labels.task, None, values, probabilistic=False))
    dummy = DummyClassifier(strategy="prior").fit(x[train], labels.y[train])
    assert labels.classes is not None
    values = np.zeros((len(held_out), len(labels.classes)))
    values[:, dummy.classes_] = dummy.predict_proba(x[held_out])
    assert (dummy.predict(x[held_out]) == values.argmax(axis=1)).all()
    return score(labels.y[held_out], Predictions(labels.task, labels.positive, values, probabilistic=True))


@pytest.mark.parametrize("validation", VALIDATIONS, ids=lambda validation: str(validation["method"]))
@pytest.mark.parametrize("task", TaskKind)
def test_the_base_line_of_a_training_equals_the_dummy(
    tmp_path: Path, task: TaskKind, validation: dict[str, Any]
) -> None:
    index = mixed(tmp_path, task)
    spec = job("ridge", validation=validation)
    model, plan = trained(spec, index), plan_train(spec, index)
    splits = plan.draw_folds().splits
    wanted = [dummy_scores(plan.labels, split.train, split.held_out) for split in splits]
    if len(splits) == 1:
        assert model.scores["baseline"] == wanted[0]
        return
    assert [split["baseline"] for split in model.scores["splits"]] == wanted
    for name, value in model.scores["baseline"].items():
        each = [one[name] for one in wanted if one[name] is not None]
        assert value == (pytest.approx(np.mean(each), rel=1e-14) if each else None)  # type: ignore[arg-type]
    assert set(model.scores["spread"]) == {"train", "held_out"}


def test_the_base_line_of_a_rare_class_shows_what_an_accuracy_is_worth(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    index = table(tmp_path, number("x", random.normal(size=1_000)), category("y", ["rare"] * 10 + ["usual"] * 990))
    scores = trained(job("logistic_regression"), index).scores
    assert scores["baseline"]["accuracy"] == 0.99
    assert scores["baseline"]["roc_auc"] == 0.5
    assert scores["held_out"]["accuracy"] <= scores["baseline"]["accuracy"]


@pytest.mark.parametrize("rows", [2, 3, 10_001, 300_000])
@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300])
def test_the_mean_of_many_or_huge_targets_is_that_of_the_library(rows: int, scale: float) -> None:
    y = np.random.default_rng(rows).normal(size=rows + 50) * scale
    labels = Labels(np.arange(rows + 50), y, TaskKind.REGRESSION, None, 0)
    parts = np.arange(rows), np.arange(rows, rows + 50)
    assert baseline_scores(labels, train=parts[0], held_out=parts[1]) == dummy_scores(labels, *parts)


def test_a_class_that_only_the_held_out_rows_have_has_no_share() -> None:
    y = np.array([0, 0, 1, 1, 1, 2, 0], dtype=np.int32)
    labels = Labels(np.arange(7), y, TaskKind.MULTICLASS, ("a", "b", "c"), 0)
    parts = np.arange(5), np.arange(5, 7)
    found = baseline_scores(labels, train=parts[0], held_out=parts[1])
    assert found == dummy_scores(labels, *parts)
    assert found["accuracy"] == 0.0
