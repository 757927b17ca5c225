"""Logistic regression, ridge regression and the ridge classifier, over imputed, scaled and encoded columns."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import Pipeline

from ml_training.domain.states import TaskKind
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import Family, FitJob, Fitted, Importance
from ml_training.training.estimators.pipeline import PipelineModel, load_pipeline
from ml_training.training.reporter import Progress
from ml_training.training.threads import limited

TRUSTED = ("numpy.dtype",)


def fit_logistic(job: FitJob) -> Fitted:
    """L2 by L-BFGS, which can be stopped after every iteration; with `l1_ratio` by SAGA, which cannot."""
    params = job.params.model_dump()
    solver = "saga" if params["l1_ratio"] > 0 else "lbfgs"
    model = LogisticRegression(**params, solver=solver, random_state=job.random_state)
    if solver == "lbfgs":
        model.set_callbacks(_Iterations(job.progress, params["max_iter"]))
    fitted = _fit(job, model)
    if solver == "lbfgs":
        model.set_callbacks()
    return fitted


def fit_ridge(job: FitJob) -> Fitted:
    """One linear solve."""
    model = (RidgeClassifier if job.task.is_classification else Ridge)(
        **job.params.model_dump(), random_state=job.random_state
    )
    return _fit(job, model)


class _Iterations:
    """scikit-learn's callback: one more iteration of the solver is done; the total is an upper bound."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def setup(self, estimator: Any, context: Any) -> None:
        """Before the fit."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """After the fit."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Before an iteration."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """After an iteration, and once more after the fit."""
        self._done = min(self._done + 1, self._total)
        self._progress.step(self._done, self._total, f"iteration {self._done} of at most {self._total}")
        return False


def _fit(job: FitJob, model: Any) -> Fitted:
    encoder = preprocessing.for_gradients(job)
    with limited(job.threads):
        x = encoder.fit_transform(job.fit.x)
        job.progress.check()
        model.fit(x, job.fit.y, sample_weight=job.fit.weights)
    importance = _importance(model, preprocessing.sources(encoder, len(job.features)), len(job.features))
    pipeline = Pipeline([("encode", encoder), ("linear", model)])
    iterations = int(np.max(model.n_iter_)) if getattr(model, "n_iter_", None) is not None else None
    return Fitted(PipelineModel(pipeline, job.task, importance=importance), iterations=iterations)


def _importance(model: Any, sources: list[int], features: int) -> Importance:
    """The mean over the classes of |coefficient|, for standard units; of a category column its largest one."""
    size = np.abs(np.atleast_2d(model.coef_)).mean(axis=0)
    values = np.zeros(features)
    np.maximum.at(values, sources, size)
    return Importance("coefficient", [float(value) for value in values])


def _load(payload: bytes, task: TaskKind) -> PipelineModel:
    return load_pipeline(payload, task, trusted=TRUSTED)


LOGISTIC_REGRESSION = Family("skops", fit_logistic, _load)
RIDGE = Family("skops", fit_ridge, _load)
