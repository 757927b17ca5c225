"""Logistic regression, ridge regression and the ridge classifier of scikit-learn, on preprocessed columns."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import ModelType
from ml_training.domain.states import TaskKind
from ml_training.inference.pipeline_predictor import load_pipeline
from ml_training.inference.threads import limit_threads
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import Family, FitCost, FitInputs, FitResult, Importance
from ml_training.training.estimators.pipeline import PipelineModel
from ml_training.training.matrix import Matrix
from ml_training.training.stage_progress import StageProgress


def fit_logistic(inputs: FitInputs) -> FitResult:
    """By L-BFGS, which can be stopped after every iteration; with an L1 penalty by SAGA, which cannot be stopped."""
    params = inputs.params.model_dump()
    solver = "saga" if params["l1_ratio"] > 0 else "lbfgs"
    model = LogisticRegression(**params, solver=solver, random_state=inputs.random_state)
    if solver == "lbfgs":
        model.set_callbacks(_IterationCallback(inputs.progress, params["max_iter"]))
    fitted = _fit(inputs, model)
    if solver == "lbfgs":
        model.set_callbacks()
    return fitted


def fit_ridge(inputs: FitInputs) -> FitResult:
    """One linear solve."""
    model = (RidgeClassifier if inputs.task.is_classification else Ridge)(
        **inputs.params.model_dump(), random_state=inputs.random_state
    )
    return _fit(inputs, model)


class _IterationCallback:
    """The callback of scikit-learn: counts the iterations of the solver; `total` is an upper bound."""

    def __init__(self, progress: StageProgress, total: int) -> None:
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


class LinearModel(PipelineModel):
    """A linear model on preprocessed columns."""

    def contributions(self, x: Matrix, *, threads: int) -> NDArray[np.float64]:
        """See Contributor: coefficient times value of the columns that each feature became, and the intercept.

        Numbers are in standard units, so that a number adds what its distance from the mean of the training rows does;
        a category adds its own weight. These are the SHAP values of a linear model for independent columns (Lundberg
        and Lee, NIPS 2017) with zero as the background.
        """
        encoder, linear = self._pipeline[0], self._pipeline[-1]
        owners = np.array(preprocessing.sources(encoder, x.shape[1]))
        order = np.argsort(owners, kind="stable")
        present, starts = np.unique(owners[order], return_index=True)
        with limit_threads(threads):
            encoded = np.asarray(encoder.transform(x), dtype=np.float64)[:, order]
        coefficients = np.atleast_2d(linear.coef_)[:, order]
        bases = np.broadcast_to(linear.intercept_, len(coefficients))  # of a ridge it may be one 0 for all
        found = np.zeros((len(x), len(coefficients), x.shape[1] + 1))
        for at, (weights, base) in enumerate(zip(coefficients, bases, strict=True)):
            found[:, at, present] = np.add.reduceat(encoded * weights, starts, axis=1)
            found[:, at, -1] = base
        return found.reshape(len(x), -1)


def load(payload: bytes, task: TaskKind, *, model_type: ModelType) -> LinearModel:
    """See `pipeline.loader`."""
    return LinearModel(load_pipeline(payload, model_type), task)


def _fit(inputs: FitInputs, model: Any) -> FitResult:
    encoder = preprocessing.for_gradients(inputs)
    with limit_threads(inputs.cores.granted()):
        x = preprocessing.fit_transform(encoder, inputs.fit.x)
        inputs.progress.check()
        model.fit(x, inputs.fit.y, sample_weight=inputs.fit.weights)
    importance = _importance(model, preprocessing.sources(encoder, len(inputs.features)), len(inputs.features))
    pipeline = Pipeline([("encode", encoder), ("linear", model)])
    iterations = int(np.max(model.n_iter_)) if getattr(model, "n_iter_", None) is not None else None
    return FitResult(LinearModel(pipeline, inputs.task, importance=importance), iterations=iterations)


def _importance(model: Any, sources: list[int], features: int) -> Importance:
    """The mean over the classes of |coefficient| in standard units; the largest one for a column of categories."""
    size = np.abs(np.atleast_2d(model.coef_)).mean(axis=0)
    values = np.zeros(features)
    np.maximum.at(values, sources, size)
    return Importance("coefficient", [float(value) for value in values])


LOGISTIC_REGRESSION = Family(
    artifact_format="skops",
    fit=fit_logistic,
    load=partial(load, model_type=ModelType.LOGISTIC_REGRESSION),
    cost=FitCost(prepare=200.0, per_round=1.0, predict=60.0),
)
RIDGE = Family(
    artifact_format="skops",
    fit=fit_ridge,
    load=partial(load, model_type=ModelType.RIDGE),
    cost=FitCost(prepare=100.0, per_round=200.0, predict=60.0),
)
