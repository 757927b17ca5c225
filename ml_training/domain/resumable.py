"""Which trainings continue from a checkpoint to the model of an undisturbed one, bit for bit."""

from collections.abc import Mapping
from typing import Any

from ml_training.domain.algorithms import ModelType

RESUMABLE = (ModelType.LIGHTGBM, ModelType.XGBOOST, ModelType.RANDOM_FOREST, ModelType.EXTRA_TREES)
SHARES = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")  # of XGBoost
DECIDING: dict[ModelType, tuple[str, ...]] = {
    ModelType.LIGHTGBM: ("subsample", "subsample_freq", "colsample_bytree", "extra_trees", "boosting_type"),
    ModelType.XGBOOST: SHARES,
}


def obstacles(model_type: ModelType, values: Mapping[str, Any]) -> list[str]:
    """The parameters because of which a training starts again; values: of all that are DECIDING for this type.

    dart changes earlier trees; the others draw rows, columns or thresholds, and a model does not store the state of
    the draws.
    """
    if model_type is ModelType.XGBOOST:
        return [name for name in SHARES if values[name] < 1]
    if model_type is not ModelType.LIGHTGBM:
        return []
    found = ["subsample"] if values["subsample"] < 1 and values["subsample_freq"] > 0 else []
    found += ["colsample_bytree"] if values["colsample_bytree"] < 1 else []
    found += ["extra_trees"] if values["extra_trees"] else []
    return found + (["boosting_type"] if values["boosting_type"] != "gbdt" else [])


def hardest(name: str, values: list[Any]) -> Any:
    """Of the values that a parameter may have, the one that is the hardest to continue from.

    >>> hardest("subsample", [0.5, 1.0]), hardest("boosting_type", ["gbdt", "dart"])
    (0.5, 'dart')
    """
    if name == "boosting_type":
        return next((one for one in values if one != "gbdt"), "gbdt")
    return max(values) if name in ("subsample_freq", "extra_trees") else min(values)
