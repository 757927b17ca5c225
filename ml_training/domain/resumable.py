"""Which trainings continue from a checkpoint to the model of an undisturbed one, bit for bit."""

from collections.abc import Mapping
from typing import Any

from ml_training.domain.algorithms import ModelType

RESUMABLE = (ModelType.LIGHTGBM, ModelType.RANDOM_FOREST, ModelType.EXTRA_TREES)
DECIDING = ("subsample", "subsample_freq", "colsample_bytree", "extra_trees", "boosting_type")


def obstacles(values: Mapping[str, Any]) -> list[str]:
    """The parameters of LightGBM because of which a training starts again; values: of all that are DECIDING.

    dart changes earlier trees; the others draw rows, columns or thresholds, and a model does not store the state of
    the draws.
    """
    found = ["subsample"] if values["subsample"] < 1 and values["subsample_freq"] > 0 else []
    found += ["colsample_bytree"] if values["colsample_bytree"] < 1 else []
    found += ["extra_trees"] if values["extra_trees"] else []
    return found + (["boosting_type"] if values["boosting_type"] != "gbdt" else [])
