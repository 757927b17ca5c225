"""The engine's part of EXPLAIN: every model type, ugly data, equal values again, and sums that are exact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.errors import Interrupted
from ml_training.domain.explain_spec import ErrorCosts, ExplainSpec
from ml_training.domain.states import TaskKind
from ml_training.inference.matrix import MatrixReader
from ml_training.selection.explain_plan import plan_explain
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.explain import permutation
from ml_training.training.explain.sampled_rows import SampledRows
from ml_training.training.stage_progress import StageProgress
from tests.support.training_data import (
    MODEL_CASES,
    ChangingCores,
    Recorder,
    category,
    job,
    mixed,
    number,
    table,
    trained,
)

SPEC = ExplainSpec(job_type="EXPLAIN", model_id=1, dataset_id=1)
ALWAYS = (
    *((model_type, TaskKind.BINARY) for model_type in ("lightgbm", "ridge")),
    ("random_forest", TaskKind.MULTICLASS),
    ("logistic_regression", TaskKind.MULTICLASS),
    ("mlp", TaskKind.REGRESSION),
)  # the other cases take too long for each run
PARTS = {"permutation_importance", "contributions", "partial_dependence", "slices", "scores", "score_intervals"}


def explained(model: Any, index: Any, *, cores: Any = None, **fields: Any) -> dict[str, Any]:
    plan = plan_explain(SPEC.model_copy(update=fields), index, model.schema)
    return engine.explain(model, plan, reporter=Recorder(), cores=cores or FixedCores(1))


def loaded(model_type: str, index: Any) -> Any:
    return engine.load_model(trained(job(model_type), index).artifact, model_id=1)


@pytest.mark.parametrize(
    ("model_type", "task"),
    [
        pytest.param(*case, marks=() if case in ALWAYS else pytest.mark.exhaustive, id=f"{case[0]} {case[1]}")
        for case in MODEL_CASES
    ],
)
def test_every_model_type_is_explained_on_ugly_data(model_type: str, task: TaskKind, tmp_path: Path) -> None:
    index = mixed(tmp_path, task)
    model = loaded(model_type, index)
    found = explained(model, index)
    assert set(found) >= PARTS
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "every number is finite, and JSON keeps it"
    assert {item["feature"] for item in found["permutation_importance"]["features"]} == {
        feature.name for feature in model.schema.features
    }
    assert (found["residuals"] is None) is task.is_classification
    assert (found["thresholds"] is None) is (task is not TaskKind.BINARY)
    has_contributions = model_type in ("lightgbm", "logistic_regression", "ridge")
    assert (found["contributions"]["features"] is not None) is has_contributions
    assert bool(found["contributions"]["reason"]) is not has_contributions
    for name, interval in found["score_intervals"]["explained"].items():
        value = found["scores"][name]
        assert (interval is None) is (value is None), name
        if interval is not None:
            assert interval[0] - 0.02 <= value <= interval[1] + 0.02, name


def test_a_feature_that_decides_is_the_most_important_one_and_noise_is_not(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    signal, noise = random.normal(size=600), random.normal(size=600)
    labels = category("y", np.where(signal > 0, "b", "a").tolist())
    index = table(tmp_path, number("noise", noise), number("signal", signal), labels)
    found = explained(loaded("lightgbm", index), index)
    [first, second] = found["permutation_importance"]["features"]
    assert first["feature"] == "signal"
    assert first["value"] > 0.3
    assert abs(second["value"]) < 0.05
    curve = found["partial_dependence"][0]
    assert curve["feature"] == "signal"
    means = curve["means"]["b"]
    assert means[0] < 0.2, "the mean prediction follows the feature"
    assert means[-1] > 0.8
    assert curve["grid"] == sorted(curve["grid"])


def test_contributions_of_every_class_add_up_to_its_raw_score(tmp_path: Path) -> None:
    for model_type, task in MODEL_CASES:
        if model_type not in ("lightgbm", "logistic_regression", "ridge"):
            continue
        index = mixed(tmp_path, task)
        model = loaded(model_type, index)
        x = MatrixReader(index, model.schema.features).read(np.arange(index.rows))
        found = model.contributions(x, threads=1)
        outputs = len(model.schema.classes) if task is TaskKind.MULTICLASS else 1
        sums = found.reshape(len(x), outputs, -1).sum(axis=2)
        np.testing.assert_allclose(sums, _raw(model, model_type, x).reshape(sums.shape), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model_type", ["logistic_regression", "ridge"])
def test_a_model_without_an_intercept_has_contributions_too(model_type: str, tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.MULTICLASS)
    artifact = trained(job(model_type, params={"fit_intercept": False}), index).artifact
    model = engine.load_model(artifact, model_id=1)
    x = MatrixReader(index, model.schema.features).read(np.arange(index.rows))
    found = model.contributions(x, threads=1).reshape(len(x), len(model.schema.classes or ()), -1)
    assert not found[:, :, -1].any()
    np.testing.assert_allclose(found.sum(axis=2), _raw(model, model_type, x), rtol=1e-9, atol=1e-9)


def _raw(model: Any, model_type: str, x: Any) -> Any:
    """The raw scores by the libraries themselves."""
    if model_type == "lightgbm":
        return np.asarray(model.predictor._booster.predict(x, raw_score=True))
    pipeline = model.predictor._pipeline
    decide = pipeline.predict if model.schema.task is TaskKind.REGRESSION else pipeline.decision_function
    return np.asarray(decide(x))


def test_a_class_that_the_model_never_saw_has_no_contributions(tmp_path: Path) -> None:
    """As when all rows of a class are the last in time, so held out: one raw score tells the other two apart."""
    rows = 300
    labels = ["a", "b"] * 120 + ["c"] * 60
    index = table(tmp_path, number("x", np.arange(rows) % 7.0), category("y", labels))
    model = loaded("lightgbm", index)
    known = type(model)(model.schema, model.model_type, _TwoOfThree(model), model.scale, (0, 2))
    found = known.contributions(np.zeros((2, 1)), threads=1).reshape(2, 3, 2)
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(found[:, 0], -found[:, 2])


class _TwoOfThree:
    """A predictor with one raw score, as of a model that knows two of three classes."""

    probabilistic = True

    def __init__(self, _model: Any) -> None:
        pass

    def contributions(self, x: Any, *, threads: int) -> Any:
        return np.array([[0.5, 0.25]] * len(x))


def test_equal_jobs_have_equal_explanations_with_any_number_of_threads(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model = loaded("random_forest", index)
    first = explained(model, index, sample_rows=200)
    assert explained(model, index, sample_rows=200, cores=ChangingCores()) == first
    assert explained(model, index, sample_rows=200, random_state=1) != first
    assert first["rows"] == {"explained": 200, "labelled": 400, "dropped": 0}


def test_the_rows_are_as_they_were_after_each_shuffle(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model = loaded("lightgbm", index)
    plan = plan_explain(SPEC, index, model.schema)
    x = MatrixReader(index, model.schema.features).read(plan.labels.rows)
    rows = SampledRows(model, x, plan.labels.y, FixedCores(1), StageProgress(Recorder())).at_most(400)
    before = rows.x.copy()
    permutation._drops(rows, 0, metric="accuracy", base=1.0, seed=1)
    np.testing.assert_array_equal(rows.x, before)


def test_many_features_use_fewer_rows_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "MOST_PREDICTIONS", 100)
    index = mixed(tmp_path, TaskKind.BINARY)
    found = explained(loaded("lightgbm", index), index)
    assert found["permutation_importance"]["rows"] == permutation.LEAST_ROWS
    assert found["rows"]["explained"] > permutation.LEAST_ROWS


def test_costs_choose_the_threshold(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model = loaded("logistic_regression", index)
    low, high = (
        explained(model, index, costs=ErrorCosts(false_positive=fp, false_negative=fn))["thresholds"]
        for fp, fn in ((1.0, 100.0), (100.0, 1.0))
    )
    assert low["best"] < high["best"], "where a missed positive is expensive, more rows are taken for positive"
    for row in low["rows"]:
        assert row["cost"] == row["fp"] + 100 * row["fn"]
        assert row["tp"] + row["fp"] + row["tn"] + row["fn"] == index.rows


def test_a_slice_that_is_worse_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    x, region = random.normal(size=800), random.choice(["north", "south", "west"], size=800)
    truth = np.where(x > 0, "yes", "no")
    wrong = (region == "west") & (random.random(800) < 0.5)
    labels = np.where(wrong, np.where(truth == "yes", "no", "yes"), truth)
    index = table(tmp_path, number("x", x), category("region", region.tolist()), category("y", labels.tolist()))
    model = engine.load_model(trained(job("lightgbm", features=["x"]), index).artifact, model_id=1)
    [column] = explained(model, index)["slices"]
    worse = {value["value"]: value["is_worse"] for value in column["values"]}
    assert worse == {"north": False, "south": False, "west": True}
    assert sum(value["rows"] for value in column["values"]) == 800


def test_a_stop_is_heard(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    model = loaded("lightgbm", index)
    plan = plan_explain(SPEC, index, model.schema)
    with pytest.raises(Interrupted):
        engine.explain(model, plan, reporter=Recorder(stop_at=20), cores=FixedCores(1))
