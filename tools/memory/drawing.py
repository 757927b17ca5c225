"""Draws TRAIN specs that need much memory for their data."""

import random
from collections.abc import Callable
from typing import Any

from ml_training.domain.algorithms import EARLY_STOPPING, ModelType
from ml_training.domain.specs import TrainSpec, parse_spec

Draw = random.Random


def _between(draw: Draw, low: float, high: float) -> int:
    """A whole number; each order of magnitude is as likely."""
    return round(float(low * (high / low) ** draw.random()))


def _forest(draw: Draw) -> dict[str, Any]:
    params: dict[str, Any] = {"n_estimators": _between(draw, 1, 60)}
    if draw.random() < 0.2:
        params["max_depth"] = draw.randint(6, 40)
    if draw.random() < 0.2:
        params["max_leaf_nodes"] = _between(draw, 100, 20_000)
    if draw.random() < 0.2:
        params["min_samples_leaf"] = draw.randint(2, 10)
    if draw.random() < 0.1:
        params["min_samples_split"] = draw.randint(3, 30)
    if draw.random() < 0.2:
        params["max_features"] = draw.choice(["log2", 0.5, None])
    return params


def _light_gbm(draw: Draw) -> dict[str, Any]:
    return {
        "n_estimators": _between(draw, 1, 20),
        "num_leaves": _between(draw, 31, 4_096),
        "min_child_samples": draw.choice([1, 5, 20]),
        "max_bin": draw.choice([63, 255, 255, 1_023]),
    }


def _xgboost(draw: Draw) -> dict[str, Any]:
    params: dict[str, Any] = {
        "n_estimators": _between(draw, 1, 20),
        "max_depth": draw.choice([3, 6, 8, 10, 14, None]),
        "max_bin": draw.choice([63, 256, 256, 1_023]),
        "min_child_weight": draw.choice([0.0, 1.0, 1.0, 20.0]),
    }
    if draw.random() < 0.3:
        params |= {"grow_policy": "lossguide", "max_leaves": _between(draw, 31, 4_096)}
    return params


def _hist_gradient_boosting(draw: Draw) -> dict[str, Any]:
    return {
        "max_iter": _between(draw, 1, 8),
        "max_leaf_nodes": _between(draw, 31, 4_096),
        "min_samples_leaf": draw.choice([2, 5, 20]),
    }


def _logistic_regression(draw: Draw) -> dict[str, Any]:
    return {"max_iter": draw.randint(3, 10), "l1_ratio": draw.choice([0.0, 0.0, 0.0, 0.5])}


def _mlp(draw: Draw) -> dict[str, Any]:
    layers = [_between(draw, 64, 2_048) for _ in range(draw.randint(1, 3))]
    return {"hidden_layer_sizes": layers, "max_iter": 1, "batch_size": draw.choice([200, 1_000, 10_000])}


FIXED: list[tuple[str, ModelType, dict[str, Any], bool]] = [  # data set, model type, parameters, whether to TEST too
    ("1,000 random classes", ModelType.RANDOM_FOREST, {"n_estimators": 2}, True),
    ("1,000 random classes", ModelType.RIDGE, {}, False),
    ("noise", ModelType.EXTRA_TREES, {"n_estimators": 20}, True),
    ("wide categories", ModelType.MLP, {"hidden_layer_sizes": [32, 32], "max_iter": 1}, True),
    ("wide categories", ModelType.LOGISTIC_REGRESSION, {"max_iter": 3}, False),
    ("wide noise", ModelType.LIGHTGBM, {"n_estimators": 1, "num_leaves": 50}, False),
    ("wide noise", ModelType.XGBOOST, {"n_estimators": 1, "max_depth": 3}, False),
    ("noise", ModelType.XGBOOST, {"n_estimators": 2, "max_depth": None, "min_child_weight": 0.0}, False),
    ("wide noise", ModelType.HIST_GRADIENT_BOOSTING, {"max_iter": 1}, False),
    ("long and narrow", ModelType.RIDGE, {}, False),
]
PARAMS: dict[ModelType, Callable[[Draw], dict[str, Any]]] = {
    ModelType.LIGHTGBM: _light_gbm,
    ModelType.XGBOOST: _xgboost,
    ModelType.RANDOM_FOREST: _forest,
    ModelType.EXTRA_TREES: _forest,
    ModelType.HIST_GRADIENT_BOOSTING: _hist_gradient_boosting,
    ModelType.LOGISTIC_REGRESSION: _logistic_regression,
    ModelType.RIDGE: lambda draw: {"alpha": 10 ** draw.uniform(-3, 3)},
    ModelType.MLP: _mlp,
}


def spec_of(model_type: ModelType, params: dict[str, Any], **fields: Any) -> TrainSpec:
    """A TRAIN spec for the target "y"; raises TypeError with the errors of a wrong one."""
    body: dict[str, Any] = {"job_type": "TRAIN", "model_name": "m", "model_type": model_type.value, "dataset_id": 1}
    body |= {"target": {"column": "y"}, "params": params}
    spec, errors = parse_spec(body | fields, max_runtime_seconds=3_600)
    if not isinstance(spec, TrainSpec):
        raise TypeError(str(errors))
    return spec


def drawn_spec(draw: Draw, data: str) -> TrainSpec:
    """A spec for one of the data sets."""
    types = [kind for kind in ModelType if data != "quantity" or kind is not ModelType.LOGISTIC_REGRESSION]
    model_type = draw.choice(types)
    fields: dict[str, Any] = {"random_state": draw.randint(0, 1_000)}
    if draw.random() < 0.2:
        fields["validation"] = {"method": "cross_validation", "splits": draw.randint(2, 6)}
        fields["keep_out_of_fold"] = draw.random() < 0.5
    if model_type in EARLY_STOPPING and draw.random() < 0.3:
        fields["early_stopping_rounds"] = 3
    if data != "quantity" and draw.random() < 0.2:
        fields["class_balance"] = "weights"
    if data != "quantity" and draw.random() < 0.15:
        fields["calibration"] = draw.choice(["sigmoid", "isotonic"])
    return spec_of(model_type, PARAMS[model_type](draw), **fields)
