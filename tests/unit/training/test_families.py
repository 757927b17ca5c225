"""Each family does what its library does in one plain fit, and says where it stands meanwhile."""

import json
import warnings
from dataclasses import replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import skops.io
import xgboost as xgb
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.inference import xgboost_predictor
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import FeatureSchema
from ml_training.training.balance import class_weights
from ml_training.training.canonical import canonical_skops
from ml_training.training.cores import FixedCores, LimitedCores
from ml_training.training.curves import LearningCurve
from ml_training.training.estimators import FAMILIES, light_gbm
from ml_training.training.estimators import xgboost as xgboost_family
from ml_training.training.estimators.base import BestLoss, FitInputs, FitResult, LabelledRows, UserTerms
from ml_training.training.estimators.pipeline import PipelineModel
from ml_training.training.estimators.xgboost_data import stored_names
from ml_training.training.stage_progress import StageProgress
from tests.support.training_data import Recorder

CLASSES, ROWS = 3, 300


def terms_of(job: FitInputs) -> UserTerms:
    return UserTerms(tuple(job.features), tuple(range(job.classes)), TargetScale())


def fit_job(model_type: str, task: TaskKind, *, threads: int = 1, stop: bool = False, **params: Any) -> FitInputs:
    """Two numbers and a category of four, all with missing values; the categories are column 1."""
    random = np.random.default_rng(3)
    x = np.asfortranarray(random.normal(size=(ROWS, 3)))
    x[:, 1] = random.integers(0, 4, ROWS)
    effect = x[:, 0] + x[:, 1] + random.normal(scale=0.2, size=ROWS)
    x[random.random((ROWS, 3)) < 0.1] = np.nan
    y: Any = effect
    if task.is_classification:
        classes = 2 if task is TaskKind.BINARY else CLASSES
        y = (np.argsort(np.argsort(effect)) * classes // ROWS).astype(np.int32)
    recorder = Recorder()
    kind = ModelType(model_type)
    return FitInputs(
        task=task,
        classes={TaskKind.BINARY: 2, TaskKind.MULTICLASS: CLASSES, TaskKind.REGRESSION: 0}[task],
        features=(
            FeatureSchema("a", ColumnKind.NUMBER),
            FeatureSchema("b", ColumnKind.CATEGORY, tuple("wxyz")),
            FeatureSchema("c", ColumnKind.NUMBER),
        ),
        params=PARAMS[kind].model_validate(params),
        fit=LabelledRows(x[:200], y[:200]),
        stop=LabelledRows(x[200:230], y[200:230]) if stop else None,
        held_out=LabelledRows(x[230:], y[230:]),
        early_stopping_rounds=4 if stop else None,
        random_state=11,
        cores=LimitedCores(FixedCores(threads), most=threads),
        progress=StageProgress(recorder),
        curve=LearningCurve("loss", recorder),
    )


def recorder_of(job: FitInputs) -> Recorder:
    recorder = job.progress.reporter
    assert isinstance(recorder, Recorder)
    return recorder


def fitted(job: FitInputs, model_type: str) -> FitResult:
    return FAMILIES[ModelType(model_type)].fit(job)


def pipeline_of(found: FitResult) -> Pipeline:
    assert isinstance(found.model, PipelineModel)
    return found.model._pipeline


FORESTS = {
    ("random_forest", TaskKind.MULTICLASS): RandomForestClassifier,
    ("random_forest", TaskKind.REGRESSION): RandomForestRegressor,
    ("extra_trees", TaskKind.MULTICLASS): ExtraTreesClassifier,
    ("extra_trees", TaskKind.REGRESSION): ExtraTreesRegressor,
}


@pytest.mark.parametrize(("model_type", "task"), FORESTS)
def test_a_forest_grown_in_batches_is_the_forest_of_one_fit(model_type: str, task: TaskKind) -> None:
    job = fit_job(model_type, task, threads=2, n_estimators=23, max_features=0.7)
    found = fitted(job, model_type)
    assert len([message for message in recorder_of(job).messages if message.startswith("tree ")]) > 2
    pipeline = pipeline_of(found)
    x = pipeline.named_steps["encode"].transform(job.fit.x).astype(np.float32)
    plain = FORESTS[model_type, task](n_estimators=23, max_features=0.7, random_state=11).fit(x, job.fit.y)
    assert canonical_skops(pipeline.named_steps["forest"]) == canonical_skops(plain)


def test_hist_gradient_boosting_is_one_plain_fit_with_the_losses_read_along() -> None:
    job = fit_job("hist_gradient_boosting", TaskKind.MULTICLASS, n_estimators=12, max_features=0.5)
    found = fitted(job, "hist_gradient_boosting")
    plain = HistGradientBoostingClassifier(
        max_iter=12, max_features=0.5, categorical_features=[1], random_state=11, early_stopping=False
    ).fit(job.fit.x, job.fit.y)
    np.testing.assert_array_equal(found.model.predict(job.held_out.x, threads=1), plain.predict_proba(job.held_out.x))
    assert [iteration for iteration, _ in recorder_of(job).iterations] == list(range(1, 13))
    assert set(recorder_of(job).iterations[0][1]) == {"train_loss", "held_out_loss"}


@pytest.mark.parametrize("task", TaskKind)
@pytest.mark.parametrize(
    "params", [{}, {"boosting_type": "dart"}, {"num_leaves": 2}, {"min_child_samples": 1_000}], ids=str
)
def test_the_importance_of_lightgbm_is_that_of_the_stored_model(task: TaskKind, params: dict[str, Any]) -> None:
    job = fit_job("lightgbm", task, n_estimators=30, **params)
    model = fitted(job, "lightgbm").model
    importance = model.importance()
    assert importance is not None
    assert importance.splits is not None
    stored = lgb.Booster(model_str=model.dump(terms_of(job)).decode())
    assert list(importance.values) == stored.feature_importance("gain").tolist()
    assert list(importance.splits) == stored.feature_importance("split").tolist()
    assert any(importance.values) != ("min_child_samples" in params), "a tree without a split has no gain"


@pytest.mark.parametrize("stop", [False, True])
def test_lightgbm_is_a_plain_train_call(stop: bool) -> None:
    job = fit_job("lightgbm", TaskKind.BINARY, stop=stop, n_estimators=60, min_child_samples=5, learning_rate=0.3)
    found = fitted(job, "lightgbm")
    params = {"objective": "binary", "min_data_in_leaf": 5, "learning_rate": 0.3, "seed": 11, "verbosity": -1}
    data = lgb.Dataset(job.fit.x, job.fit.y, categorical_feature=[1])
    part = job.stop or job.held_out
    patience = 4 if stop else 60
    plain = lgb.train(
        params | {"deterministic": True, "force_row_wise": True, "num_threads": 1},
        data,
        60,
        valid_sets=[lgb.Dataset(part.x, part.y, reference=data)],
        callbacks=[lgb.early_stopping(patience, verbose=False)] if stop else [],
    )
    np.testing.assert_array_equal(
        found.model.predict(job.held_out.x, threads=1)[:, 1], plain.predict(job.held_out.x, num_threads=1)
    )
    assert found.best_iteration == (plain.best_iteration if stop else None)
    assert found.iterations == (plain.best_iteration if stop else 60)


@pytest.mark.parametrize("task", TaskKind)
@pytest.mark.parametrize("stop", [False, True])
def test_xgboost_is_a_plain_train_call(task: TaskKind, stop: bool) -> None:
    job = fit_job("xgboost", task, threads=2, stop=stop, n_estimators=60, max_depth=3, gamma=0.1)
    found = fitted(job, "xgboost")
    objective = {
        TaskKind.BINARY: "binary:logistic",
        TaskKind.MULTICLASS: "multi:softprob",
        TaskKind.REGRESSION: "reg:squarederror",
    }[task]
    params: dict[str, Any] = {"objective": objective, "max_depth": 3, "gamma": 0.1, "seed": 11, "nthread": 1}
    params |= {"num_class": CLASSES} if task is TaskKind.MULTICLASS else {}
    types = {"feature_types": ["float", "c", "float"], "enable_categorical": True}
    data = xgb.QuantileDMatrix(job.fit.x, job.fit.y, **types)
    assert job.held_out is not None
    part = job.stop or job.held_out
    evaluated = xgb.QuantileDMatrix(part.x, part.y, ref=data, **types)
    patience = 4 if stop else None
    plain = xgb.train(params, data, 60, evals=[(evaluated, "part")], early_stopping_rounds=patience, verbose_eval=False)
    best = plain.best_iteration + 1 if stop else 60
    assert (found.iterations, found.best_iteration) == (best, best if stop else None)
    said = plain.predict(xgb.DMatrix(job.held_out.x, **types), iteration_range=(0, best))
    ours = found.model.predict(job.held_out.x, threads=1)
    if task is TaskKind.REGRESSION:
        np.testing.assert_array_equal(ours, said)
    else:  # the library computes probabilities in single precision
        np.testing.assert_allclose(ours[:, 1] if task is TaskKind.BINARY else ours, said, rtol=1e-5)
    stored = xgb.Booster(model_file=bytearray(found.model.dump(terms_of(job))))
    assert stored.num_boosted_rounds() == best, "rounds after the best one are not stored"
    importance = found.model.importance()
    assert importance is not None
    names = ["a", "b:code", "c"]
    assert dict(zip(names, importance.values, strict=True)) == stored.get_score(importance_type="total_gain")
    assert dict(zip(names, importance.splits or [], strict=True)) == stored.get_score(importance_type="weight")
    assert {name for _, losses in recorder_of(job).iterations for name in losses} == {
        "train_loss",
        "held_out_loss",
        *(["stop_loss"] if stop else []),
    }


@pytest.mark.parametrize("task", TaskKind)
def test_xgboost_with_weights_of_every_size_does_not_depend_on_the_threads(task: TaskKind) -> None:
    random = np.random.default_rng(0)
    rows = 50_000
    x = np.asfortranarray(random.normal(size=(rows, 4)))
    effect, weights = x[:, 0] + random.normal(size=rows), np.exp(random.normal(size=rows) * 5)
    classes = [0.0] if task is TaskKind.BINARY else [-1.0, 0.5]
    y: Any = np.digitize(effect, classes) if task.is_classification else effect * np.exp(random.normal(size=rows) * 4)
    features = tuple(FeatureSchema(name, ColumnKind.NUMBER) for name in "abcd")
    models = []
    for threads in (1, 2, 3):  # the library's own sums differ between one thread and more
        job = fit_job("xgboost", task, threads=threads, n_estimators=6, max_depth=8)
        job = replace(job, features=features, fit=LabelledRows(x, y, weights), held_out=None)
        models.append(fitted(job, "xgboost").model.dump(terms_of(job)))
    assert models[0] == models[1] == models[2]


def intercept_of(booster: Any) -> str:
    found: str = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    return found


def test_the_intercept_of_xgboost_is_that_of_one_thread() -> None:
    random = np.random.default_rng(0)
    rows, classes, others = 569, 10, 0
    x = np.zeros((rows, 3), order="F")
    for _ in range(10):
        y = random.choice(classes, rows, p=random.dirichlet(np.ones(classes))).astype(np.int32)
        y[:classes] = np.arange(classes)
        job = fit_job("xgboost", TaskKind.MULTICLASS, threads=2, n_estimators=1)
        model = fitted(replace(job, classes=classes, fit=LabelledRows(x, y), held_out=None), "xgboost").model
        theirs = []
        for threads in (1, 2):
            data = xgb.QuantileDMatrix(x, label=y)
            plain = xgb.Booster({"objective": "multi:softprob", "num_class": classes, "nthread": threads}, cache=[data])
            plain.update(data, 0)
            theirs.append(intercept_of(plain))
        assert intercept_of(xgb.Booster(model_file=bytearray(model.dump(terms_of(job))))) == theirs[0]
        others += theirs[1] != theirs[0]
    assert others, "the library's own estimate depends on the number of threads"


def test_the_loss_that_stops_xgboost_early_is_that_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], int]] = []
    evaluate = xgb.Booster.eval_set

    def eval_set(booster: Any, evals: Any, *rest: Any) -> Any:
        threads = json.loads(booster.save_config())["learner"]["generic_param"]["nthread"]
        asked.append(([name for _, name in evals], int(threads)))
        return evaluate(booster, evals, *rest)

    monkeypatch.setattr(xgb.Booster, "eval_set", eval_set)
    fitted(fit_job("xgboost", TaskKind.BINARY, threads=2, stop=True, n_estimators=2), "xgboost")
    assert asked == [(["train", "held_out"], 2), (["stop"], 1)] * 2


def test_a_category_feature_is_stored_under_a_name_that_no_column_has() -> None:
    kinds = [ColumnKind.CATEGORY, ColumnKind.NUMBER, ColumnKind.NUMBER]
    features = [FeatureSchema(name, kind) for name, kind in zip(["a", "a:code", "b"], kinds, strict=True)]
    assert stored_names(features) == ["a:code:code", "a:code", "b"]


def test_without_its_library_only_xgboost_jobs_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(xgboost_predictor.importlib, "import_module", gone)
    with pytest.raises(JobFailed, match="XGBoost cannot be loaded") as caught:
        fitted(fit_job("xgboost", TaskKind.BINARY), "xgboost")
    assert "xgboost-cpu" in caught.value.hint
    fitted(fit_job("ridge", TaskKind.BINARY), "ridge")


def test_xgboost_without_memory_is_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise xgb.core.XGBoostError("std::bad_alloc")

    monkeypatch.setattr(xgboost_family, "make_dataset", full)
    with pytest.raises(MemoryError):
        fitted(fit_job("xgboost", TaskKind.BINARY), "xgboost")


def test_without_an_openmp_runtime_only_lightgbm_jobs_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light_gbm, "lgb", None)
    with pytest.raises(JobFailed, match="OpenMP"):
        fitted(fit_job("lightgbm", TaskKind.BINARY), "lightgbm")
    fitted(fit_job("ridge", TaskKind.BINARY), "ridge")


def test_dart_trains_every_round_and_says_that_it_cannot_stop_early() -> None:
    job = fit_job("lightgbm", TaskKind.BINARY, stop=True, n_estimators=30, boosting_type="dart")
    assert fitted(job, "lightgbm").iterations == 30
    assert any("dart" in line for line in recorder_of(job).lines)


def test_linear_models_see_imputed_scaled_and_encoded_columns() -> None:
    job = fit_job("ridge", TaskKind.REGRESSION, alpha=2.0)
    found = fitted(job, "ridge")
    encoder = pipeline_of(found).named_steps["encode"]
    x = encoder.transform(job.fit.x)
    assert x.shape == (200, 2 + 5)  # two numbers, four categories and "missing"
    assert np.isfinite(encoder.transform(job.held_out.x)).all()
    np.testing.assert_allclose(x[:, :2].mean(axis=0), 0, atol=1e-12)
    plain = Ridge(alpha=2.0).fit(x, job.fit.y)
    np.testing.assert_allclose(
        found.model.predict(job.held_out.x, threads=1), plain.predict(encoder.transform(job.held_out.x))
    )
    importance = found.model.importance()
    assert importance is not None
    assert importance.values[1] == np.abs(plain.coef_[2:]).max()
    assert importance.values[2] == abs(plain.coef_[1])


def test_logistic_regression_reports_each_iteration_and_is_a_plain_fit() -> None:
    job = fit_job("logistic_regression", TaskKind.MULTICLASS, C=3.0)
    found = fitted(job, "logistic_regression")
    pipeline = pipeline_of(found)
    x = pipeline.named_steps["encode"].transform(job.fit.x)
    plain = LogisticRegression(C=3.0, max_iter=1_000).fit(x, job.fit.y)
    np.testing.assert_allclose(pipeline.named_steps["linear"].coef_, plain.coef_)
    assert sum(message.startswith("iteration ") for message in recorder_of(job).messages) >= plain.n_iter_[0]


def test_logistic_regression_with_an_l1_share_drops_useless_features() -> None:
    job = fit_job("logistic_regression", TaskKind.BINARY, C=0.05, l1_ratio=1.0)
    importance = fitted(job, "logistic_regression").model.importance()
    assert importance is not None
    assert importance.values[2] == 0.0
    assert importance.values[0] > 0.0


@pytest.mark.parametrize(("task", "weighed"), [(TaskKind.REGRESSION, False), (TaskKind.MULTICLASS, True)])
def test_the_network_is_that_of_one_plain_fit(task: TaskKind, weighed: bool) -> None:
    params: dict[str, Any] = {"max_iter": 40, "batch_size": 30, "learning_rate_init": 0.01, "hidden_layer_sizes": [20]}
    job = fit_job("mlp", task, **params)
    if weighed:
        job = replace(job, fit=replace(job.fit, weights=class_weights(job.fit.y)))
    found = fitted(job, "mlp")
    network = pipeline_of(found).named_steps["network"]
    x = pipeline_of(found).named_steps["encode"].transform(job.fit.x)
    plain = (MLPClassifier if task.is_classification else MLPRegressor)(**params, random_state=11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain.fit(x, job.fit.y, job.fit.weights)
    assert type(network) is type(plain)
    assert network.get_params() == plain.get_params()
    assert network.loss_curve_ == plain.loss_curve_
    assert all(map(np.array_equal, network.coefs_ + network.intercepts_, plain.coefs_ + plain.intercepts_))
    assert len(recorder_of(job).iterations) == found.iterations == plain.n_iter_ == 40
    assert any("not enough to converge" in line for line in recorder_of(job).lines)


def test_the_network_keeps_the_weights_of_its_best_epoch() -> None:
    job = fit_job("mlp", TaskKind.REGRESSION, stop=True, max_iter=200, learning_rate_init=0.05)
    found = fitted(job, "mlp")
    assert job.stop is not None
    loss = float(np.sqrt(np.mean((found.model.predict(job.stop.x, threads=1) - job.stop.y) ** 2)))
    losses = [values["stop_loss"] for _, values in recorder_of(job).iterations]
    assert found.best_iteration is not None
    assert len(losses) == found.best_iteration + 4
    assert loss == pytest.approx(losses[found.best_iteration - 1])


def test_a_network_that_diverges_fails_with_a_hint() -> None:
    job = fit_job("mlp", TaskKind.REGRESSION, max_iter=3)
    hopeless = replace(job, fit=LabelledRows(job.fit.x, np.full(200, 1.7e308)))
    with np.errstate(all="ignore"), pytest.raises(JobFailed) as caught:
        fitted(hopeless, "mlp")
    assert caught.value.code is ErrorCode.TRAINING_ERROR
    assert "learning_rate_init" in caught.value.hint


@pytest.mark.parametrize("model_type", [kind.value for kind in ModelType])
@pytest.mark.parametrize("empty", [[0], [1], [0, 1, 2]], ids=str)
def test_a_feature_without_a_value_in_the_rows_fitted_is_learnt_around(model_type: str, empty: list[int]) -> None:
    few = {"max_iter": 3} if model_type == "mlp" else {}
    job = fit_job(model_type, TaskKind.BINARY, **few)
    x = job.fit.x.copy(order="F")
    x[:, empty] = np.nan
    assert job.held_out is not None
    found = fitted(replace(job, fit=replace(job.fit, features=x)), model_type)
    said = found.model.predict(job.held_out.x, threads=1)
    assert np.isfinite(said).all()
    hidden = job.held_out.x.copy(order="F")
    hidden[:, empty] = np.nan
    if len(empty) == 1 and model_type not in ("logistic_regression", "ridge", "mlp"):
        np.testing.assert_array_equal(found.model.predict(hidden, threads=1), said)


def test_a_slow_improvement_below_the_tolerance_counts_as_none() -> None:
    best = BestLoss(3, tolerance=0.1)
    assert [best.improved(step, loss) for step, loss in enumerate([1.0, 0.95, 0.9, 0.84], start=1)] == [
        True,
        False,
        False,
        False,
    ]
    assert best.exhausted(4)
    assert best.improved(5, 0.5)
    assert not best.exhausted(7)


@pytest.mark.parametrize("model_type", [kind.value for kind in ModelType if FAMILIES[kind].artifact_format == "skops"])
def test_the_trusted_types_are_a_fixed_list_and_no_longer_than_needed(model_type: str) -> None:
    job = fit_job(model_type, TaskKind.BINARY, **({"max_iter": 2} if model_type == "mlp" else {}))
    needed = set(skops.io.get_untrusted_types(data=fitted(job, model_type).model.dump(terms_of(job))))
    # A list, written down; what skops finds in our own fresh models must be in it.
    with pytest.MonkeyPatch.context() as patch:
        given: list[list[str]] = []
        loads = skops.io.loads
        patch.setattr(skops.io, "loads", lambda data, trusted: given.append(trusted) or loads(data, trusted=trusted))
        FAMILIES[ModelType(model_type)].load(fitted(job, model_type).model.dump(terms_of(job)), TaskKind.BINARY)
    assert needed <= set(given[0])
    assert set(given[0]) - needed <= {"numpy.dtype"}
