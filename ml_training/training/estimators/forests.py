"""Random forest (Breiman 2001) and extremely randomised trees (Geurts, Ernst and Wehenkel 2006) of scikit-learn.

Both grow a few trees at a time, so that they can be stopped.
"""

import time
from functools import partial
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import ModelType, Params
from ml_training.inference.pipeline_predictor import TRUSTED
from ml_training.inference.threads import limit_threads
from ml_training.training.canonical import canonical_skops
from ml_training.training.checkpoint import Checkpoint
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import Family, FitCost, FitInputs, FitResult, Importance
from ml_training.training.estimators.pipeline import PipelineModel, loader

BATCH_SECONDS = 0.25  # a request to stop waits for the end of the batch


def fit(inputs: FitInputs, *, classifier: Any, regressor: Any) -> FitResult:
    """Grow the forest in batches; warm-started batches of any size give the forest of one plain fit."""
    encoder = preprocessing.for_trees(inputs)
    x = inputs.fit.x if encoder is None else encoder.fit_transform(inputs.fit.x)
    params = {name: value for name, value in inputs.params.model_dump().items() if (name, value) != ("bootstrap", None)}
    total = params.pop("n_estimators")
    forest = _new_or_resumed(inputs, params, classifier if inputs.task.is_classification else regressor)
    _grow(forest, np.ascontiguousarray(x, dtype=np.float32), inputs, total=total)
    forest.set_params(warm_start=False)  # not a part of the model
    with limit_threads(inputs.cores.granted()):
        importance = _importance(forest, preprocessing.sources(encoder, len(inputs.features)), len(inputs.features))
    steps = [("encode", encoder)] if encoder is not None else []
    pipeline = Pipeline([*steps, ("forest", forest)])
    return FitResult(PipelineModel(pipeline, inputs.task, importance=importance), iterations=total)


def _new_or_resumed(inputs: FitInputs, params: dict[str, Any], kind: Any) -> Any:
    """A forest without trees, or with the trees of an earlier attempt."""
    if inputs.resume_from is None:
        return kind(**params, n_estimators=0, random_state=inputs.random_state, warm_start=True)
    # Earlier versions of the service stored a number of threads with the checkpoint.
    return skops.io.loads(inputs.resume_from.state, trusted=list(TRUSTED[ModelType.RANDOM_FOREST])).set_params(
        n_jobs=None
    )


def _grow(forest: Any, x: NDArray[np.float32], inputs: FitInputs, *, total: int) -> None:
    built, rate = len(getattr(forest, "estimators_", [])), 0.0
    while built < total:
        threads = inputs.cores.granted()
        # As many trees as fit into the time at the rate that one thread had; at least one for each thread.
        batch = min(total - built, threads * max(1, int(rate * BATCH_SECONDS)))
        started = time.monotonic()
        with limit_threads(threads):
            forest.set_params(n_estimators=built + batch).fit(x, inputs.fit.y, sample_weight=inputs.fit.weights)
        built += batch
        rate = min(2 * max(rate, 1 / BATCH_SECONDS), batch / threads / max(time.monotonic() - started, 1e-6))
        writer = inputs.checkpoint_writer
        (writer.write_if_due if built < total else writer.write_last)(partial(_checkpoint, forest, built))
        inputs.progress.step(built, total, f"tree {built} of {total}")


def _checkpoint(forest: Any, built: int) -> Checkpoint:
    return Checkpoint(built, canonical_skops(forest), {})


def _importance(forest: Any, sources: list[int], features: int) -> Importance:
    values = np.bincount(sources, weights=forest.feature_importances_, minlength=features)
    return Importance("impurity", [float(value) for value in values])


def _always(params: Params) -> bool:
    return True


RANDOM_FOREST = Family(
    artifact_format="skops",
    fit=partial(fit, classifier=RandomForestClassifier, regressor=RandomForestRegressor),
    load=loader(ModelType.RANDOM_FOREST),
    cost=FitCost(prepare=50.0, per_round=900.0, predict=100.0),
    can_resume=_always,
)
EXTRA_TREES = Family(
    artifact_format="skops",
    fit=partial(fit, classifier=ExtraTreesClassifier, regressor=ExtraTreesRegressor),
    load=loader(ModelType.EXTRA_TREES),
    cost=FitCost(prepare=50.0, per_round=130.0, predict=100.0),
    can_resume=_always,
)
