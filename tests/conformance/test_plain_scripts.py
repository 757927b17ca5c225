"""The oracle: on the same split, a plain script with the library itself has the same scores and predictions, to the
last digit."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow.parquet as pq
import pytest
import xgboost as xgb
from sklearn import datasets, metrics
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.specs import TrainSpec
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.plan import plan_predict, plan_train
from ml_training.tabular.prediction_file import write_tables
from ml_training.tabular.prediction_table import PredictionTable
from ml_training.training import engine, prediction
from ml_training.training.cores import FixedCores
from ml_training.training.reporter import SilentReporter
from tests.support.training_data import job, trained

pytestmark = pytest.mark.slow
Array = np.ndarray[Any, Any]
SEED = 42
HOUR = 3_600_000_000
SINGLE_PRECISION = 1e-6  # XGBoost predicts and, with its probabilities, scikit-learn scores in it


def gradients(model: Any) -> BaseEstimator:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)


def boosted(objective: str) -> BaseEstimator:
    kind = lgb.LGBMRegressor if objective == "regression" else lgb.LGBMClassifier
    return kind(n_estimators=30, seed=SEED, deterministic=True, force_row_wise=True, n_jobs=1, verbosity=-1)


PARAMS: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 30},
    "xgboost": {"n_estimators": 30, "max_depth": 4},
    "random_forest": {"n_estimators": 20, "max_depth": 7},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"n_estimators": 20},
    "logistic_regression": {"C": 0.5},
    "ridge": {"alpha": 2.0},
    "mlp": {"max_iter": 25, "hidden_layer_sizes": [12], "learning_rate_init": 0.01, "batch_size": 50},
}
CLASSIFIERS: dict[str, Callable[[], BaseEstimator]] = {
    "lightgbm": lambda: boosted("classification"),
    "xgboost": lambda: xgb.XGBClassifier(n_estimators=30, max_depth=4, random_state=SEED, n_jobs=1),
    "random_forest": lambda: RandomForestClassifier(n_estimators=20, max_depth=7, random_state=SEED),
    "extra_trees": lambda: ExtraTreesClassifier(n_estimators=20, random_state=SEED, max_features="sqrt"),
    "hist_gradient_boosting": lambda: HistGradientBoostingClassifier(
        max_iter=20, early_stopping=False, random_state=SEED
    ),
    "logistic_regression": lambda: gradients(LogisticRegression(C=0.5, max_iter=1_000, random_state=SEED)),
    "ridge": lambda: gradients(RidgeClassifier(alpha=2.0, random_state=SEED)),
    "mlp": lambda: gradients(
        MLPClassifier([12], max_iter=25, learning_rate_init=0.01, batch_size=50, random_state=SEED)
    ),
}
REGRESSORS: dict[str, Callable[[], BaseEstimator]] = {
    "lightgbm": lambda: boosted("regression"),
    "xgboost": lambda: xgb.XGBRegressor(n_estimators=30, max_depth=4, random_state=SEED, n_jobs=1),
    "random_forest": lambda: RandomForestRegressor(
        n_estimators=20, max_depth=7, random_state=SEED, max_features="sqrt"
    ),
    "extra_trees": lambda: ExtraTreesRegressor(n_estimators=20, random_state=SEED, max_features="sqrt"),
    "hist_gradient_boosting": lambda: HistGradientBoostingRegressor(
        max_iter=20, early_stopping=False, random_state=SEED
    ),
    "ridge": lambda: gradients(Ridge(alpha=2.0, random_state=SEED)),
}
CASES = [
    *((name, data) for name in CLASSIFIERS for data in ("breast_cancer", "wine")),
    *((name, "diabetes") for name in REGRESSORS),
]
CASE_IDS = ["-".join(case) for case in CASES]
VALIDATIONS: dict[str, dict[str, Any]] = {
    "holdout": {"method": "holdout", "test_size": 0.3},
    "time": {"method": "time_series", "test_size": 0.3},
    "folds": {"method": "cross_validation", "splits": 3},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine cost 20 times as much as these small fits."""
    with threadpool_limits(1):
        yield


def real(directory: Path, name: str) -> tuple[SelectionIndex, Array, Array]:
    """A real data set with an hour a row, in an order of its own; its features and target as the library has them."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = np.random.default_rng(4).permutation(len(y))
    x, y = x[order], y[order]
    target = (
        IndexColumn("y", ColumnKind.NUMBER, y)
        if y.dtype.kind == "f"
        else IndexColumn("y", ColumnKind.INTEGER, y.astype("<i8"))
    )
    columns = [
        IndexColumn(f"x{number}", ColumnKind.NUMBER, np.ascontiguousarray(x[:, number])) for number in range(x.shape[1])
    ]
    time = IndexColumn("when", ColumnKind.TIME, np.arange(len(y), dtype="<i8") * HOUR)
    index = write_index(directory, [time, *columns, target], rows=len(y), time_column="when")
    return index, x, y


def plain_scores(model: Any, x: Array, y: Array) -> dict[str, float]:
    """As a data scientist would write them down."""
    said = model.predict(x)
    if y.dtype.kind == "f":
        return {"r2": metrics.r2_score(y, said), "mae": metrics.mean_absolute_error(y, said)}
    average = "binary" if len(model.classes_) == 2 else "macro"
    found = {
        "accuracy": metrics.accuracy_score(y, said),
        "f1": metrics.f1_score(y, said, average=average),
        "precision": metrics.precision_score(y, said, average=average),
        "recall": metrics.recall_score(y, said, average=average),
        "mcc": metrics.matthews_corrcoef(y, said),
    }
    if hasattr(model, "predict_proba"):
        chances = model.predict_proba(x)
        found["log_loss"] = metrics.log_loss(y, chances, labels=model.classes_)
        two = {"y_score": chances[:, 1]} if average == "binary" else {"y_score": chances, "multi_class": "ovr"}
        found["roc_auc"] = metrics.roc_auc_score(y, **two)
    return found


def splits_of(spec: TrainSpec, index: SelectionIndex) -> list[tuple[Array, Array]]:
    plan = plan_train(spec, index)
    return [(plan.labels.rows[fold.train], plan.labels.rows[fold.held_out]) for fold in plan.draw_folds().splits]


@pytest.mark.parametrize("validation", VALIDATIONS)
@pytest.mark.parametrize(("model_type", "data"), CASES, ids=CASE_IDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_scores_are_those_of_a_plain_script(tmp_path: Path, model_type: str, data: str, validation: str) -> None:
    index, x, y = real(tmp_path, data)
    features = [f"x{number}" for number in range(x.shape[1])]
    task = "regression" if data == "diabetes" else "classification"
    spec = job(model_type, params=PARAMS[model_type], features=features, validation=VALIDATIONS[validation], task=task)
    scores = trained(spec, index).scores
    by_split = scores.get("splits", [scores])
    rel = SINGLE_PRECISION if model_type == "xgboost" else 1e-14
    for ours, (train, held_out) in zip(by_split, splits_of(spec, index), strict=True):
        model = (REGRESSORS if task == "regression" else CLASSIFIERS)[model_type]().fit(x[train], y[train])
        for part, rows in (("train", train), ("held_out", held_out)):
            theirs = plain_scores(model, x[rows], y[rows])
            assert {name: ours[part][name] for name in theirs} == pytest.approx(theirs, rel=rel, abs=1e-15)
    if "splits" in scores:
        values = [split["held_out"] for split in by_split]
        for name, mean in scores["held_out"].items():
            if mean is not None:
                assert mean == pytest.approx(np.mean([value[name] for value in values]))
                assert scores["spread"]["held_out"][name] == pytest.approx(np.std([v[name] for v in values], ddof=1))


@pytest.mark.parametrize(("model_type", "data"), CASES, ids=CASE_IDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("batch", [50_000, 100])
def test_predictions_are_those_of_a_plain_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_type: str, data: str, batch: int
) -> None:
    monkeypatch.setattr(prediction, "ROWS_PER_BATCH", batch)
    index, x, y = real(tmp_path, data)
    features = [f"x{number}" for number in range(x.shape[1])]
    task = "regression" if data == "diabetes" else "classification"
    spec = job(model_type, params=PARAMS[model_type], features=features, task=task)
    [(train, _)] = splits_of(spec, index)
    columns = predicted(spec, index)
    plain = (REGRESSORS if task == "regression" else CLASSIFIERS)[model_type]().fit(x[train], y[train])
    assert columns["row"] == list(range(len(y)))
    if task == "regression":
        assert columns["prediction"] == pytest.approx(plain.predict(x).tolist(), rel=1e-14)  # XGBoost's too
        return
    assert columns["prediction"] == plain.predict(x).tolist()
    chances = [columns[f"probability_{label}"] for label in plain.classes_] if hasattr(plain, "predict_proba") else []
    assert len(columns) == 2 + len(chances)
    if chances:
        # A solver that adds in the order of the matrix in memory ends a few bits away.
        rel = 1e-12 if model_type in ("logistic_regression", "mlp") else 1e-14
        least = SINGLE_PRECISION if model_type == "xgboost" else 1e-15
        assert np.column_stack(chances) == pytest.approx(plain.predict_proba(x), rel=rel, abs=least)


def predicted(spec: TrainSpec, index: SelectionIndex) -> dict[str, list[Any]]:
    """The columns of the file that a PREDICT job on the whole data set writes with the model of this spec."""
    model = engine.load_model(trained(spec, index).artifact, model_id=1)
    wanted = PredictSpec(job_type="PREDICT", model_id=1, dataset_id=1)
    plan = plan_predict(wanted, index, model.schema)
    table = PredictionTable(plan, probabilistic=model.predictor.probabilistic, texts={})
    parts = engine.predict(model, plan, reporter=SilentReporter(), cores=FixedCores(2))
    file = b"".join(write_tables(map(table.table, parts), table.schema, "parquet", lineage={}))
    columns: dict[str, list[Any]] = pq.read_table(io.BytesIO(file)).to_pydict()
    return columns


@pytest.mark.parametrize("model_type", ["lightgbm", "random_forest", "hist_gradient_boosting", "logistic_regression"])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_weights_are_what_a_plain_script_calls_balanced(tmp_path: Path, model_type: str) -> None:
    index, x, y = real(tmp_path, "breast_cancer")
    features = [f"x{number}" for number in range(x.shape[1])]
    spec = job(model_type, params=PARAMS[model_type], features=features, class_balance="weights")
    [(train, held_out)] = splits_of(spec, index)
    plain = CLASSIFIERS[model_type]()
    last = plain.steps[-1][1] if hasattr(plain, "steps") else plain
    last.set_params(class_weight="balanced")
    plain.fit(x[train], y[train])
    theirs = plain_scores(plain, x[held_out], y[held_out])
    ours = trained(spec, index).scores["held_out"]
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-9)
