"""The closed list of model types and parameters: everything else, and every value out of range, is refused."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, DESCRIPTIONS, EARLY_STOPPING, PARAMS, ModelType, describe

SERVERS = [  # threads, files, devices and network belong to the server
    "num_threads",
    "n_jobs",
    "nthread",
    "device",
    "machines",
    "local_listen_port",
    "input_model",
    "output_model",
    "forcedsplits_filename",
    "forcedbins_filename",
    "save_binary",
    "data",
    "config",
    "verbose",
    "random_state",
    "objective",
    "metric",
    "callbacks",
    "__class__",
]


@pytest.mark.parametrize("model_type", ModelType)
def test_every_model_type_has_parameters_a_description_and_valid_defaults(model_type: ModelType) -> None:
    defaults = PARAMS[model_type]().model_dump()
    assert PARAMS[model_type].model_validate(defaults).model_dump() == defaults
    assert DESCRIPTIONS[model_type].endswith(".")


@pytest.mark.parametrize("model_type", ModelType)
@pytest.mark.parametrize("name", SERVERS)
def test_what_belongs_to_the_server_is_no_parameter(model_type: ModelType, name: str) -> None:
    with pytest.raises(ValidationError, match="extra"):
        PARAMS[model_type].model_validate({name: 1})


@pytest.mark.parametrize("model_type", ModelType)
def test_the_published_schema_agrees_with_the_check(model_type: ModelType) -> None:
    schema = describe(model_type)["parameters"]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({})
    assert validator.is_valid(PARAMS[model_type]().model_dump(mode="json"))
    assert not validator.is_valid({"num_threads": 1})


@pytest.mark.parametrize(
    ("model_type", "params"),
    [
        ("lightgbm", {"n_estimators": 0}),
        ("lightgbm", {"n_estimators": 10_001}),
        ("lightgbm", {"n_estimators": 1.5}),
        ("lightgbm", {"n_estimators": "5"}),
        ("lightgbm", {"n_estimators": True}),
        ("lightgbm", {"num_leaves": 1}),
        ("lightgbm", {"num_leaves": 4_097}),
        ("lightgbm", {"learning_rate": 0.0}),
        ("lightgbm", {"learning_rate": float("nan")}),
        ("lightgbm", {"max_bin": 2**31 - 1}),
        ("lightgbm", {"boosting_type": "rf"}),
        ("lightgbm", {"boosting_type": "gbdt\nmachines=127.0.0.1"}),
        ("lightgbm", {"extra_trees": 1}),
        ("xgboost", {"max_depth": 0}),
        ("xgboost", {"max_leaves": -1}),
        ("xgboost", {"grow_policy": "random"}),
        ("xgboost", {"tree_method": "exact"}),
        ("random_forest", {"max_depth": 65}),
        ("random_forest", {"max_features": "auto"}),
        ("random_forest", {"max_features": 0.0}),
        ("extra_trees", {"bootstrap": "yes"}),
        ("hist_gradient_boosting", {"max_bins": 256}),
        ("logistic_regression", {"C": 0.0}),
        ("logistic_regression", {"l1_ratio": 1.1}),
        ("ridge", {"alpha": float("inf")}),
        ("mlp", {"hidden_layer_sizes": []}),
        ("mlp", {"hidden_layer_sizes": [100] * 9}),
        ("mlp", {"hidden_layer_sizes": [2_049]}),
        ("mlp", {"activation": "identity"}),
    ],
)
def test_a_value_out_of_range_is_refused(model_type: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PARAMS[ModelType(model_type)].model_validate(params)


@pytest.mark.parametrize(
    ("model_type", "params"),
    [
        ("lightgbm", {"n_estimators": 10_000, "num_leaves": 4_096, "max_depth": 64}),
        ("lightgbm", {"learning_rate": 1, "reg_alpha": 0}),  # a whole number is a number
        ("xgboost", {"n_estimators": 10_000, "max_depth": None, "max_leaves": 0, "gamma": 1e6}),
        ("random_forest", {"max_features": 0.5}),
        ("random_forest", {"max_features": None, "bootstrap": False}),
        ("mlp", {"hidden_layer_sizes": [64, 32]}),
    ],
)
def test_the_edges_of_the_ranges_are_allowed(model_type: str, params: dict[str, Any]) -> None:
    PARAMS[ModelType(model_type)].model_validate(params)


def test_descriptions_say_what_each_type_can_do() -> None:
    shown = {model_type: describe(model_type) for model_type in ModelType}
    assert {kind for kind, item in shown.items() if item["tasks"] == ["classification"]} == CLASSIFICATION_ONLY
    assert {kind for kind, item in shown.items() if item["early_stopping"]} == EARLY_STOPPING
