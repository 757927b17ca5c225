"""Trains a tiny model of nearly every type once, so that the first job of a new worker process is not slow."""

from contextlib import suppress

import numpy as np

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.errors import JobFailed
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import ColumnTarget
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import FeatureSchema, ModelSchema
from ml_training.training.artifact import LoadedModel, load_model, pack
from ml_training.training.cores import FixedCores, LimitedCores
from ml_training.training.curves import LearningCurve, classification_curves
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import FitInputs, LabelledRows
from ml_training.training.reporter import SilentReporter
from ml_training.training.scores import score
from ml_training.training.stage_progress import StageProgress
from ml_training.training.training_schema import UNSAVED
from ml_training.training.warnings_log import warnings_logged

ROWS = 40
# XGBoost is imported by the first job that needs it: 20 MB for each process, of which most never train with it.
WARMED = tuple(model_type for model_type in ModelType if model_type is not ModelType.XGBOOST)
FEW_ROUNDS = {"n_estimators": 2, "max_iter": 2}


def warm_up(*, threads: int = 1) -> None:
    """Fit, store, load and use a tiny model of each WARMED type; the import of this module has loaded the libraries.

    Only for a process that trains and never forks: OpenMP's threads do not survive a fork.
    """
    silent = SilentReporter()
    with warnings_logged(silent):
        for model_type in WARMED:
            # A library that cannot be loaded fails only the jobs that need it.
            with suppress(JobFailed):
                _warm_up_family(model_type, silent, threads)


def _warm_up_family(model_type: ModelType, silent: SilentReporter, threads: int) -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(ROWS, 2)))
    y = (x[:, 0] > 0).astype(np.int32)
    features = (FeatureSchema("a", ColumnKind.NUMBER), FeatureSchema("b", ColumnKind.NUMBER))
    schema = ModelSchema(UNSAVED, TaskKind.BINARY, ColumnTarget(column="y"), (0, 1), features)
    names = PARAMS[model_type].model_fields
    rows = LabelledRows(x, y)
    fitted = FAMILIES[model_type].fit(
        FitInputs(
            task=TaskKind.BINARY,
            classes=2,
            features=features,
            params=PARAMS[model_type].model_validate({key: value for key, value in FEW_ROUNDS.items() if key in names}),
            fit=rows,
            stop=None,
            held_out=rows,
            early_stopping_rounds=None,
            random_state=0,
            cores=LimitedCores(FixedCores(threads), most=threads),
            progress=StageProgress(silent),
            curve=LearningCurve("log_loss", silent),
        )
    )
    fitted.model.importance()
    model = load_model(pack(LoadedModel(schema, model_type, fitted.model, TargetScale(), known_classes=(0, 1))))
    predicted = model.predictions(x, threads=threads)
    score(y, predicted)
    classification_curves(y, predicted)
