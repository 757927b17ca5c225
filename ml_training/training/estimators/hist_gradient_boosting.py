"""Histogram gradient boosting of scikit-learn: categories and missing values natively, one plain fit."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.states import TaskKind
from ml_training.training.estimators.base import Family, FitJob, Fitted, Part
from ml_training.training.estimators.pipeline import PipelineModel, load_pipeline
from ml_training.training.matrix import Matrix
from ml_training.training.threads import limited

TRUSTED = (
    "functools.partial",  # of check_array only: skops demands trust in the function by itself
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
FEW = 100  # rows
LEFTOVERS = ("_feature_subsample_rng", "_scorer", "_random_seed")


class _Reporting:
    """Calls `on_iteration` where the library looks at the loss: once before the first round and once after each.

    It has no callback of its own. Fitting in warm-started batches would bin the data anew for every batch; this is
    one plain fit, and the conformance tests fail should the hook ever be gone.
    """

    on_iteration: Any
    train_score_: Any
    validation_score_: Any

    def _check_early_stopping_loss(self, **parts: Any) -> bool:
        stop: bool = super()._check_early_stopping_loss(**parts)  # type: ignore[misc]
        self.on_iteration(self.train_score_, self.validation_score_)
        return stop


class _Classifier(_Reporting, HistGradientBoostingClassifier):  # type: ignore[misc]
    """The classifier, reporting."""


class _Regressor(_Reporting, HistGradientBoostingRegressor):  # type: ignore[misc]
    """The regressor, reporting."""


def fit(job: FitJob) -> Fitted:
    """One fit. The library's rule of early stopping: no round of the last n beats the one before them."""
    params = job.params.model_dump()
    rounds = params.pop("n_estimators")
    native = [at for at in job.categories if len(job.features[at].categories) <= params["max_bins"]]
    model = (_Classifier if job.task.is_classification else _Regressor)(
        **params,
        max_iter=rounds,
        categorical_features=native or None,
        random_state=job.random_state,
        early_stopping=True,  # without it the library would not look at the loss
        n_iter_no_change=job.early_stopping_rounds or rounds + 1,
    )
    watched = job.stop or job.held_out or Part(job.fit.x[:FEW], job.fit.y[:FEW])  # the library must have some rows
    name = "stop" if job.stop else "held_out" if job.held_out else None
    model.on_iteration = _Watch(job, rounds, name)
    with limited(job.threads):
        model.fit(_binnable(job.fit.x), job.fit.y, job.fit.weights, X_val=watched.x, y_val=watched.y)
    kept = int(model.n_iter_)
    stopped = kept if job.stop is not None else None
    return Fitted(PipelineModel(_plain(model), job.task), iterations=kept, best_iteration=stopped)


def _binnable(x: Matrix) -> Matrix:
    """The library cannot bin a column without any value: such a one becomes constant, so that no tree asks for it."""
    empty = [at for at in np.flatnonzero(np.isnan(x[0])) if np.isnan(x[:, at]).all()]
    if not empty:
        return x
    filled = x.copy(order="F")
    filled[:, empty] = 0.0
    return filled


class _Watch:
    """Records the losses and reports, round by round."""

    def __init__(self, job: FitJob, rounds: int, name: str | None) -> None:
        self._job = job
        self._rounds = rounds
        self._name = name

    def __call__(self, train: list[float], watched: list[float]) -> None:
        done = len(train) - 1
        if done:
            losses = {"train": self._loss(train[-1])}
            self._job.curve.record(done, **losses, **({self._name: self._loss(watched[-1])} if self._name else {}))
        self._job.progress.step(done, self._rounds, f"round {done} of {self._rounds}")

    def _loss(self, score: float) -> float:
        # The library has the negative log loss, and for regression half the negative mean square.
        return -score if self._job.task.is_classification else float(np.sqrt(max(0.0, -2.0 * score)))


def _plain(model: Any) -> Pipeline:
    """The library's own class, without what only the fit needed."""
    del model.on_iteration
    model._bin_mapper.set_params(n_threads=None)
    for name in LEFTOVERS:
        model.__dict__.pop(name, None)
    classification = isinstance(model, HistGradientBoostingClassifier)
    model.__class__ = HistGradientBoostingClassifier if classification else HistGradientBoostingRegressor
    return Pipeline([("boosting", model)])


def load(payload: bytes, task: TaskKind) -> PipelineModel:
    """See load_pipeline."""
    return load_pipeline(payload, task, trusted=TRUSTED)


FAMILY = Family("skops", fit, load)
