"""TEST and COMPARE on stored models."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

from ml_training.domain.errors import Interrupted
from ml_training.domain.specs import CompareSpec, TestSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_test
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.evaluation import _ranking, _winner, overfitted
from tests.support.training_data import Recorder, job, mixed, trained


def outcome_of(
    model: engine.TrainedModel, index: SelectionIndex, *, reporter: Recorder | None = None
) -> engine.TestOutcome:
    loaded = engine.load_model(model.artifact, model_id=1)
    spec = TestSpec(job_type="TEST", model_id=1, dataset_id=1)
    return engine.test(
        loaded,
        plan_test(spec, index, [loaded.schema]),
        model_scores=model.scores,
        overlap=False,
        reporter=reporter or Recorder(),
        cores=FixedCores(1),
    )


def compared(
    models: Mapping[int, engine.TrainedModel], index: SelectionIndex, *, metric: str, seed: int = 42
) -> engine.ComparisonOutcome:
    loaded = [engine.load_model(model.artifact, model_id=model_id) for model_id, model in models.items()]
    spec = CompareSpec.model_validate(
        {"job_type": "COMPARE", "model_ids": list(models), "dataset_id": 1, "metric": metric, "random_state": seed}
    )
    plan = plan_test(spec, index, [model.schema for model in loaded])
    return engine.compare(loaded, plan, reporter=Recorder(), cores=FixedCores(1))


@pytest.mark.parametrize("task", list(TaskKind))
def test_a_test_says_how_much_is_lost_on_unseen_rows(tmp_path: Path, task: TaskKind) -> None:
    model = trained(job("random_forest"), mixed(tmp_path, task))
    recorder = Recorder()
    found = outcome_of(model, mixed(tmp_path, task, seed=99), reporter=recorder)
    assert found.rows == 400
    assert found.overlap is False
    for name, here in found.scores.items():
        assert found.degradation[name] == model.scores["held_out"][name] - here
    if task is TaskKind.REGRESSION:
        assert found.accuracy is None
        assert found.overfitted == (model.scores["train"]["r2"] - found.scores["r2"] > 0.1)
        assert found.details["confusion_matrix"] is None
    else:
        assert found.accuracy == found.scores["accuracy"]
        counts = found.details["confusion_matrix"]["counts"]
        assert sum(sum(row) for row in counts) == 400
    assert recorder.fractions == sorted(recorder.fractions)
    assert recorder.fractions[-1] == 1.0
    json.dumps([found.scores, found.degradation, found.details], allow_nan=False)


def test_the_rows_of_training_itself_are_no_surprise(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    found = outcome_of(trained(job("lightgbm"), index), index)
    assert found.overfitted is False


def test_the_libraries_warnings_are_lines_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model, recorder = trained(job("random_forest"), index), Recorder()
    predict = RandomForestClassifier.predict_proba

    def warning(*given: Any) -> Any:
        warnings.warn("this is odd", RuntimeWarning, stacklevel=1)
        return predict(*given)

    monkeypatch.setattr(RandomForestClassifier, "predict_proba", warning)
    outcome_of(model, index, reporter=recorder)
    assert "RuntimeWarning: this is odd" in recorder.lines
    compared({1: model, 2: model}, index, metric="f1")


def test_a_test_can_be_stopped(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model = trained(job("ridge"), index)
    with pytest.raises(Interrupted):
        outcome_of(model, index, reporter=Recorder(stop_at=2))


@pytest.mark.parametrize(
    ("train", "here", "verdict"),
    [(0.95, 0.84, True), (0.95, 0.86, False), (0.8, 0.9, False), (None, 0.9, None), (0.9, None, None)],
)
def test_overfitted_is_a_lead_of_more_than_a_tenth(train: Any, here: Any, verdict: bool | None) -> None:
    assert overfitted({"accuracy": train}, {"accuracy": here}, task=TaskKind.BINARY) is verdict
    assert overfitted({"r2": train}, {"r2": here}, task=TaskKind.REGRESSION) is verdict


@pytest.mark.parametrize("metric", ["f1", "log_loss", "roc_auc"])
def test_the_better_model_wins_and_chance_is_told_apart(tmp_path: Path, metric: str) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    good = trained(job("lightgbm", params={"n_estimators": 30, "min_child_samples": 5}), index)
    poor = trained(job("lightgbm", params={"n_estimators": 1, "num_leaves": 2, "learning_rate": 0.01}), index)
    models = {7: poor, 9: good}
    found = compared(models, mixed(tmp_path, TaskKind.BINARY, seed=99), metric=metric)
    assert [entry["model_id"] for entry in found.ranking] == [9, 7]
    assert [entry["rank"] for entry in found.ranking] == [1, 2]
    assert found.winner_model_id == 9
    assert found.significance["significant"] is True
    assert (found.significance["difference"] < 0) == (metric == "log_loss")
    assert found == compared(models, mixed(tmp_path, TaskKind.BINARY, seed=99), metric=metric)
    json.dumps([found.ranking, found.significance], allow_nan=False)


def test_equal_models_tie_and_nobody_wins(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.REGRESSION)
    model = trained(job("ridge"), index)
    found = compared({1: model, 2: model}, index, metric="rmse")
    assert found.winner_model_id is None
    assert [entry["rank"] for entry in found.ranking] == [1, 1]
    assert found.significance["significant"] is False


def test_a_model_without_the_score_comes_last_and_cannot_be_compared(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    models = {1: trained(job("ridge"), index), 2: trained(job("lightgbm"), index)}
    found = compared(models, index, metric="log_loss")
    assert [entry["model_id"] for entry in found.ranking] == [2, 1]
    assert found.ranking[1]["value"] is None
    assert found.winner_model_id == 2
    assert found.significance["significant"] is None


def test_scores_that_agree_to_twelve_digits_are_equal() -> None:
    def winner(first: float | None, second: float | None) -> int | None:
        return _winner(_ranking([(1, {"f1": first}), (2, {"f1": second})], "f1"))

    assert winner(0.1234567890123, 0.1234567890124) is None
    assert winner(0.123456789012, 0.123456789011) == 1
    assert winner(0.0, -0.0) is None
    assert winner(None, None) is None
    assert winner(0.0, None) == 1
