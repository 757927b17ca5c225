"""What a wrong spec is answered with: JSON words, the expected form, and what was probably meant."""

import re
from typing import Any

import pytest

from ml_training.domain.near_misses import near_miss
from ml_training.domain.specs import parse_spec

JOB_TYPES = 'must be one of "TRAIN", "TEST", "COMPARE", "PREDICT", "EXPLAIN", "DRIFT", "TUNE"'

TRAIN: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "m",
    "model_type": "lightgbm",
    "dataset_id": 1,
    "target": {"column": "y"},
}
HIST = {**TRAIN, "model_type": "hist_gradient_boosting"}
COMPARE: dict[str, Any] = {"job_type": "COMPARE", "model_ids": [1, 2], "dataset_id": 1, "metric": "f1"}
MODEL_TYPES = (
    'must be one of "lightgbm", "xgboost", "random_forest", "extra_trees", "hist_gradient_boosting", '
    '"logistic_regression", "ridge", "mlp"'
)
METRICS = (
    'must be one of "accuracy", "f1", "precision", "recall", "roc_auc", "mcc", "log_loss", "fpr", "fnr", "rmse", '
    '"mae", "r2", "mape"'
)
NAME = "must be 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit"
HORIZON = {"column": "y", "horizon": "5m", "min_percent_change": 3, "direction": "up"}
WRONG: list[tuple[object, dict[str, str]]] = [
    ([], {"": 'must be an object, such as {"job_type": "TRAIN", ...}'}),
    (None, {"": 'must be an object, such as {"job_type": "TRAIN", ...}'}),
    ({}, {"/job_type": "field required"}),
    (
        {"job_type": "train"},
        {"/job_type": JOB_TYPES + ': did you mean "TRAIN"?'},
    ),
    (
        {"job_type": "INGEST", "dataset_id": 1},
        {"/job_type": JOB_TYPES},
    ),
    ({**TRAIN, "target": "y"}, {"/target": 'must be an object, such as {"column": "..."}'}),
    (
        {**TRAIN, "target": {"colum": "y"}},
        {"/target/column": "field required", "/target/colum": 'unknown field: did you mean "column"?'},
    ),
    ({**TRAIN, "target": {"column": 7}}, {"/target/column": "must be text"}),
    ({**TRAIN, "target": {"column": ""}}, {"/target/column": "must not be empty"}),
    (
        {**TRAIN, "target": {**HORIZON, "horizon": "5 minutes"}},
        {"/target/horizon": 'must be a whole number and a unit, s, m, h or d, such as "5m"'},
    ),
    (
        {**TRAIN, "target": {**HORIZON, "direction": "UP"}},
        {"/target/direction": 'must be one of "up", "down": did you mean "up"?'},
    ),
    (
        {**TRAIN, "target": {"column": "y", "operator": "is", "value": 1}},
        {"/target/operator": 'must be one of ">", "<", ">=", "<=", "="'},
    ),
    ({**TRAIN, "model_name": "my model"}, {"/model_name": NAME}),
    ({**TRAIN, "model_name": 7}, {"/model_name": "must be text"}),
    ({**TRAIN, "model_type": "LightGBM"}, {"/model_type": f'{MODEL_TYPES}: did you mean "lightgbm"?'}),
    ({**TRAIN, "model_type": "random forest"}, {"/model_type": f'{MODEL_TYPES}: did you mean "random_forest"?'}),
    ({**TRAIN, "model_type": "svm"}, {"/model_type": MODEL_TYPES}),
    ({**TRAIN, "modelName": "x"}, {"/modelName": 'unknown field: did you mean "model_name"?'}),
    ({**TRAIN, "zzz": "x"}, {"/zzz": "unknown field: remove it or check its spelling"}),
    ({**TRAIN, "dataset_id": "1"}, {"/dataset_id": "must be a whole number"}),
    ({**TRAIN, "dataset_id": 0}, {"/dataset_id": "must be at least 1"}),
    ({**TRAIN, "params": {"num_leafs": 3}}, {"/params/num_leafs": 'unknown field: did you mean "num_leaves"?'}),
    ({**TRAIN, "params": {"numLeaves": 3}}, {"/params/numLeaves": 'unknown field: did you mean "num_leaves"?'}),
    ({**TRAIN, "params": {"n_estimators": 10**6}}, {"/params/n_estimators": "must be at most 10,000"}),
    ({**TRAIN, "params": {"learning_rate": "0.1"}}, {"/params/learning_rate": "must be a number"}),
    ({**TRAIN, "params": {"learning_rate": 0}}, {"/params/learning_rate": "must be above 0"}),
    ({**TRAIN, "params": {"extra_trees": 1}}, {"/params/extra_trees": "must be true or false"}),
    (
        {**TRAIN, "params": {"boosting_type": "DART"}},
        {"/params/boosting_type": 'must be one of "gbdt", "dart": did you mean "dart"?'},
    ),
    ({**TRAIN, "params": [1]}, {"/params": 'must be an object, such as {"max_depth": 8}'}),
    (
        {**HIST, "params": {"max_iter": 5, "n_estimators": 6}},
        {"/params/n_estimators": "is the same as max_iter: give one of them"},
    ),
    ({**HIST, "params": {"max_iters": 5}}, {"/params/max_iters": 'unknown field: did you mean "max_iter"?'}),
    ({**HIST, "params": {"n_estimators": 0}}, {"/params/n_estimators": "must be at least 1"}),
    ({**TRAIN, "features": "all"}, {"/features": 'must be "auto", or must be a list'}),
    ({**TRAIN, "features": []}, {"/features": 'must be "auto", or must not be empty'}),
    ({**TRAIN, "features": ["a", 1]}, {"/features/1": "must be text"}),
    ({**TRAIN, "train_start": "yesterday"}, {"/train_start": "must be an RFC 3339 time such as 2026-01-31T12:00:00Z"}),
    (
        {**TRAIN, "feature_engineering": [5]},
        {"/feature_engineering": 'must be an object, such as {"windows": [5, 10]}'},
    ),
    (
        {**TRAIN, "validation": "holdout"},
        {"/validation": 'must be an object, such as {"method": "holdout", "test_size": 0.2}'},
    ),
    (
        {**TRAIN, "validation": {"method": "holdout", "testSize": 0.2}},
        {"/validation/testSize": 'unknown field: did you mean "test_size"?'},
    ),
    (
        {**TRAIN, "class_balance": "SMOTE"},
        {"/class_balance": 'must be one of "none", "weights", "smote": did you mean "smote"?'},
    ),
    ({**TRAIN, "leakage": "warn"}, {"/leakage": 'must be "refuse"'}),
    (
        {"job_type": "TEST", "model": 7, "dataset_id": 1},
        {"/model_id": "field required", "/model": 'unknown field: did you mean "model_id"?'},
    ),
    ({**COMPARE, "metric": "auc"}, {"/metric": f'{METRICS}: did you mean "roc_auc"?'}),
    ({**COMPARE, "model_ids": [1]}, {"/model_ids": "must have at least 2 items"}),
]
PYTHON_WORDS = re.compile(r"valid (dictionary|integer|string|list)|instance of|NoneType|\bdict\b|\^\[|pattern|Input")


@pytest.mark.parametrize(("body", "wanted"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_a_wrong_body_is_explained_in_the_words_of_json(body: object, wanted: dict[str, str]) -> None:
    spec, errors = parse_spec(body, max_runtime_seconds=60)
    assert spec is None
    assert {error.pointer: error.detail for error in errors} == wanted
    assert not any(PYTHON_WORDS.search(error.detail) for error in errors)


def test_the_table_is_long_enough() -> None:
    assert len(WRONG) >= 30


def test_the_library_name_of_a_parameter_is_stored_under_the_one_of_earlier_specs() -> None:
    specs = [
        parse_spec({**HIST, "params": params}, max_runtime_seconds=60)[0]
        for params in ({"max_iter": 7}, {"n_estimators": 7})
    ]
    assert specs[0] == specs[1]
    assert specs[0] is not None
    assert specs[0].params["n_estimators"] == 7  # type: ignore[union-attr]
    assert "max_iter" not in specs[0].params  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("attrition", ["Attrition", "age"], "Attrition"),
        ("Monthly Income", ["MonthlyIncome"], "MonthlyIncome"),
        ("adress", ["address", "name"], "address"),
        ("age", ["target", "name"], None),
        ("", ["a"], None),
        ("id", ["customer_id"], None),
        ("x" * 1_000, ["x" * 999], None),
    ],
)
def test_what_was_probably_meant(name: str, known: list[str], meant: str | None) -> None:
    assert near_miss(name, known) == meant


def test_a_thousand_unknown_fields_are_all_refused_and_only_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(
        "ml_training.domain.json_pointers.did_you_mean", lambda name, known: compared.append(name) if known else ""
    )
    _, errors = parse_spec({**TRAIN, **{f"field_{n}": n for n in range(1_000)}}, max_runtime_seconds=60)
    assert len(errors) == 1_000
    assert len(compared) == 20
