"""Random forest and extremely randomised trees, grown a few trees at a time so that they can be stopped."""

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

from ml_training.domain.algorithms import Params
from ml_training.domain.states import TaskKind
from ml_training.training.canonical import canonical_skops
from ml_training.training.checkpoint import Checkpoint
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
    forest = _begun(job, params, classifier if job.task.is_classification else regressor)
    with limited(job.threads):
        _grow(forest, np.ascontiguousarray(x, dtype=np.float32), job, total=total)
        forest.set_params(warm_start=False, n_jobs=None)  # neither belongs to the model
        importance = _importance(forest, preprocessing.sources(encoder, len(job.features)), len(job.features))
    steps = [("encode", encoder)] if encoder is not None else []
    pipeline = Pipeline([*steps, ("forest", forest)])
    return Fitted(PipelineModel(pipeline, job.task, importance=importance), iterations=total)


def _begun(job: FitJob, params: dict[str, Any], kind: Any) -> Any:
    """A forest without trees, or with those that an earlier attempt grew."""
    if job.resume is None:
        return kind(**params, n_estimators=0, random_state=job.random_state, warm_start=True, n_jobs=job.threads)
    return skops.io.loads(job.resume.state, trusted=list(TRUSTED)).set_params(n_jobs=job.threads)


def _grow(forest: Any, x: NDArray[np.float32], job: FitJob, *, total: int) -> None:
    built, batch = len(getattr(forest, "estimators_", [])), job.threads
    while built < total:
        started = time.monotonic()
        built = min(built + batch, total)
        forest.set_params(n_estimators=built).fit(x, job.fit.y, sample_weight=job.fit.weights)
        took = time.monotonic() - started
        if built < total:
            job.keeper.offer(partial(_checkpoint, forest, built))
        job.progress.step(built, total, f"tree {built} of {total}")
        # As many trees as fit into the time, by what the last batch took; at least one a thread.
        rate = batch / max(took, 1e-6)
        batch = max(job.threads, min(2 * batch, int(rate * BATCH_SECONDS)))


def _checkpoint(forest: Any, built: int) -> Checkpoint:
    return Checkpoint(built, canonical_skops(forest), {})


def _importance(forest: Any, sources: list[int], features: int) -> Importance:
    values = np.bincount(sources, weights=forest.feature_importances_, minlength=features)
    return Importance("impurity", [float(value) for value in values])


def _load(payload: bytes, task: TaskKind) -> PipelineModel:
    return load_pipeline(payload, task, trusted=TRUSTED)


def _always(params: Params) -> bool:
    return True


RANDOM_FOREST = Family(
    "skops",
    partial(fit, classifier=RandomForestClassifier, regressor=RandomForestRegressor),
    _load,
    can_resume=_always,
)
EXTRA_TREES = Family(
    "skops", partial(fit, classifier=ExtraTreesClassifier, regressor=ExtraTreesRegressor), _load, can_resume=_always
)
