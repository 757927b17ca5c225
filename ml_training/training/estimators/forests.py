"""Random forest and extremely randomised trees, grown a few trees at a time so that they can be stopped."""

import time
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline

from ml_training.domain.states import TaskKind
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import Family, FitJob, Fitted, Importance
from ml_training.training.estimators.pipeline import PipelineModel, load_pipeline
from ml_training.training.threads import limited

BATCH_SECONDS = 0.25  # a cancel is felt after one batch
TRUSTED = ("numpy.dtype", "sklearn.tree._tree.Tree")


def fit(job: FitJob, *, classifier: Any, regressor: Any) -> Fitted:
    """Grow the forest in batches; a warm-started forest is the forest of one plain fit, whatever the batches are."""
    encoder = preprocessing.for_trees(job)
    x = job.fit.x if encoder is None else encoder.fit_transform(job.fit.x)
    params = {name: value for name, value in job.params.model_dump().items() if (name, value) != ("bootstrap", None)}
    total = params.pop("n_estimators")
    forest = (classifier if job.task.is_classification else regressor)(
        **params, n_estimators=0, random_state=job.random_state, warm_start=True, n_jobs=job.threads
    )
    with limited(job.threads):
        _grow(forest, np.ascontiguousarray(x, dtype=np.float32), job, total=total)
        forest.set_params(warm_start=False, n_jobs=None)  # neither belongs to the model
        importance = _importance(forest, preprocessing.sources(encoder, len(job.features)), len(job.features))
    steps = [("encode", encoder)] if encoder is not None else []
    pipeline = Pipeline([*steps, ("forest", forest)])
    return Fitted(PipelineModel(pipeline, job.task, importance=importance), iterations=total)


def _grow(forest: Any, x: NDArray[np.float32], job: FitJob, *, total: int) -> None:
    built, batch = 0, job.threads
    while built < total:
        started = time.monotonic()
        built = min(built + batch, total)
        forest.set_params(n_estimators=built).fit(x, job.fit.y, sample_weight=job.fit.weights)
        job.progress.step(built, total, f"tree {built} of {total}")
        # As many trees as fit into the time, by what the last batch took; at least one a thread.
        rate = batch / max(time.monotonic() - started, 1e-6)
        batch = max(job.threads, min(2 * batch, int(rate * BATCH_SECONDS)))


def _importance(forest: Any, sources: list[int], features: int) -> Importance:
    values = np.bincount(sources, weights=forest.feature_importances_, minlength=features)
    return Importance("impurity", [float(value) for value in values])


def _load(payload: bytes, task: TaskKind) -> PipelineModel:
    return load_pipeline(payload, task, trusted=TRUSTED)


RANDOM_FOREST = Family("skops", partial(fit, classifier=RandomForestClassifier, regressor=RandomForestRegressor), _load)
EXTRA_TREES = Family("skops", partial(fit, classifier=ExtraTreesClassifier, regressor=ExtraTreesRegressor), _load)
