"""What a fresh worker child does once, so that its first small job does not pay for it."""

from contextlib import suppress

import numpy as np

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.errors import JobFailed
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import ColumnTarget
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import FeatureSchema, ModelSchema
from ml_training.training.artifact import LoadedModel, load_model, pack
from ml_training.training.curves import LearningCurve, classification_curves
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import FitJob, Part
from ml_training.training.reporter import Progress, SilentReporter
from ml_training.training.schema import UNSAVED
from ml_training.training.scores import score
from ml_training.training.target import TargetScale
from ml_training.training.warnings_log import warnings_logged

ROWS = 40
FEW = {"n_estimators": 2, "max_iter": 2}


def warm_up(*, threads: int = 1) -> None:
    """Fit, store, load and ask a tiny model of every type; importing this module has loaded the libraries.

    Only for a process that trains by itself and never forks: OpenMP's threads do not survive a fork.
    """
    silent = SilentReporter()
    with warnings_logged(silent):
        for model_type in ModelType:
            # A library that cannot be loaded is the business of the jobs that need it.
            with suppress(JobFailed):
                _rehearse(model_type, silent, threads)


def _rehearse(model_type: ModelType, silent: SilentReporter, threads: int) -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(ROWS, 2)))
    y = (x[:, 0] > 0).astype(np.int32)
    features = (FeatureSchema("a", ColumnKind.NUMBER), FeatureSchema("b", ColumnKind.NUMBER))
    schema = ModelSchema(UNSAVED, TaskKind.BINARY, ColumnTarget(column="y"), (0, 1), features)
    known = PARAMS[model_type].model_fields
    part = Part(x, y)
    fitted = FAMILIES[model_type].fit(
        FitJob(
            task=TaskKind.BINARY,
            classes=2,
            features=features,
            params=PARAMS[model_type].model_validate({key: value for key, value in FEW.items() if key in known}),
            fit=part,
            stop=None,
            held_out=part,
            early_stopping_rounds=None,
            random_state=0,
            threads=threads,
            progress=Progress(silent),
            curve=LearningCurve("log_loss", silent),
        )
    )
    fitted.model.importance()
    model = load_model(pack(LoadedModel(schema, model_type, fitted.model, TargetScale(), known=(0, 1))))
    predicted = model.predicted(x, threads=threads)
    score(y, predicted)
    classification_curves(y, predicted)
