"""Loads the model of an archive with the library that it needs, and no other one."""

import warnings
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ml_training.inference.archive import LIGHTGBM, XGBOOST, ModelArchive
from ml_training.inference.errors import ArchiveError, OtherVersionWarning
from ml_training.inference.fitted_model import FittedModel, MatrixPredictor
from ml_training.inference.known_classes import task_for

BOOSTERS = {LIGHTGBM: ("booster_predictor", "BoosterPredictor"), XGBOOST: ("xgboost_predictor", "XGBoostPredictor")}


def load_fitted(content: ModelArchive) -> FittedModel:
    """The model of an archive; raises ArchiveError when it is damaged or holds what no model holds.

    Raises ImportError when its library is not installed. The bytes must be trusted: a forged tree or a forged text of
    LightGBM can crash the process.
    """
    try:
        schema, scale, known, calibration = content.schema, content.scale, content.known_classes, content.calibration
        predictor = _predictor(content, task_for(schema.task, known))
    except ImportError:
        raise
    except Exception as error:  # the readers of the libraries raise whatever damaged bytes lead to
        raise ArchiveError(f"the model cannot be loaded: {error}") from error
    return FittedModel(schema, predictor, scale, known, calibration)


def _predictor(content: ModelArchive, task: Any) -> MatrixPredictor:
    # By name: who reads only the manifest loads neither library, and who has one of them does not need the other.
    artifact_format = content.manifest["artifact_format"]
    if artifact_format in BOOSTERS:
        name, predictor_class = BOOSTERS[artifact_format]
        module = import_module(f"ml_training.inference.{name}")
        booster: MatrixPredictor = getattr(module, predictor_class)(module.load_booster(content.payload), task)
        return booster
    module = import_module("ml_training.inference.pipeline_predictor")
    _warn_of_another_version(content)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Trying to unpickle")  # said above, once
        pipeline = module.load_pipeline(content.payload, content.model_type)
    predictor: MatrixPredictor = module.PipelinePredictor(pipeline, task)
    return predictor


def _warn_of_another_version(content: ModelArchive) -> None:
    made_by = content.manifest.get("versions", {}).get("scikit_learn")
    installed = version("scikit-learn")
    if made_by is not None and made_by.split(".")[:2] != installed.split(".")[:2]:
        message = f"the model was made by scikit-learn {made_by}, and {installed} is installed, which may predict "
        warnings.warn(f"{message}something else: install scikit-learn=={made_by}", OtherVersionWarning, stacklevel=6)
