"""Histogram gradient boosting of scikit-learn, after LightGBM; handles categories and missing values itself."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import ModelType
from ml_training.inference.threads import limit_threads
from ml_training.training.estimators.base import Family, FitCost, FitInputs, FitResult, LabelledRows
from ml_training.training.estimators.pipeline import PipelineModel, loader
from ml_training.training.matrix import binnable

FALLBACK_ROWS = 100
LEFTOVERS = ("_feature_subsample_rng", "_scorer", "_random_seed")
MAX_TIME_SHARE = 0.05  # of the training time may be spent on changes of the number of threads


class _IterationCallback:
    """Calls `on_iteration` when the library checks the loss: once before the first round and once after each round.

    It ends the fit when the call returns True. The library has no callbacks. Fitting in warm-started batches would bin
    the data again for every batch; this is one plain fit. The conformance tests fail if a later version of the library
    has no such method.
    """

    on_iteration: Any
    train_score_: Any
    validation_score_: Any

    def _check_early_stopping_loss(self, **parts: Any) -> bool:
        stop: bool = super()._check_early_stopping_loss(**parts)  # type: ignore[misc]
        return bool(self.on_iteration(self.train_score_, self.validation_score_, stop)) or stop


class _Classifier(_IterationCallback, HistGradientBoostingClassifier):  # type: ignore[misc]
    """The classifier with a callback."""


class _Regressor(_IterationCallback, HistGradientBoostingRegressor):  # type: ignore[misc]
    """The regressor with a callback."""


def fit(inputs: FitInputs) -> FitResult:
    """One plain fit, continued by warm starts when the number of threads changes, which ends with the same model.

    Early stopping by the library's rule: none of the last n rounds is better than the one before.
    """
    params = inputs.params.model_dump()
    rounds = params.pop("n_estimators")
    native = [at for at in inputs.categories if len(inputs.features[at].categories) <= params["max_bins"]]
    model = (_Classifier if inputs.task.is_classification else _Regressor)(
        **params,
        max_iter=rounds,
        categorical_features=native or None,
        random_state=inputs.random_state,
        early_stopping=True,  # otherwise the library does not compute the loss
        n_iter_no_change=inputs.early_stopping_rounds or rounds + 1,
    )
    some = slice(FALLBACK_ROWS)
    # The library needs some rows for the loss, even where nothing is done with it.
    evaluated = inputs.stop or inputs.held_out or LabelledRows(inputs.fit.x[some], inputs.fit.y[some])
    name = "stop" if inputs.stop else "held_out" if inputs.held_out else None
    model.on_iteration = callback = _RoundCallback(inputs, rounds, name)
    x = binnable(inputs.fit.x)
    while callback.is_unfinished:
        with limit_threads(callback.begin_fit()):
            model.fit(x, inputs.fit.y, inputs.fit.weights, X_val=evaluated.x, y_val=evaluated.y)
        model.set_params(warm_start=True)
    kept = int(model.n_iter_)
    stopped = kept if inputs.stop is not None else None
    return FitResult(PipelineModel(_plain(model), inputs.task), iterations=kept, best_iteration=stopped)


class _RoundCallback:
    """Records the losses and reports the progress after each round; ends a fit that should use other threads.

    The library reads the number of threads once, at the start of a fit, so a change costs its preparation again.
    """

    def __init__(self, inputs: FitInputs, rounds: int, name: str | None) -> None:
        self.is_unfinished = True
        self._inputs = inputs
        self._rounds = rounds
        self._name = name
        self._done = 0  # rounds
        self._threads = 0  # of this fit
        self._began = 0.0  # when this fit began, and how many rounds were done then
        self._done_before = 0
        self._prepared = 0.0  # seconds until the first round

    def begin_fit(self) -> int:
        """Before each fit: the number of its threads."""
        self._threads = self._inputs.cores.granted()
        self._began, self._done_before = time.monotonic(), self._done
        return self._threads

    def __call__(self, train: list[float], evaluated: list[float], stop: bool) -> bool:
        """After each round; True when the fit must end and continue with other threads. Raises Interrupted."""
        self._done = done = len(train) - 1
        self.is_unfinished = done < self._rounds and not stop
        if done:
            losses = {"train": self._loss(train[-1])}
            self._inputs.curve.record(done, **losses, **({self._name: self._loss(evaluated[-1])} if self._name else {}))
        else:
            self._prepared = time.monotonic() - self._began
        self._inputs.progress.step(done, self._rounds, f"round {done} of {self._rounds}")
        return self.is_unfinished and done > self._done_before and self._should_change_threads()

    def _should_change_threads(self) -> bool:
        """Whether the job is granted another number, and the preparation is short beside what is done and to do."""
        took = time.monotonic() - self._began
        left = took / (self._done - self._done_before) * (self._rounds - self._done)
        is_cheap = self._prepared <= MAX_TIME_SHARE * min(took, left)
        return is_cheap and self._inputs.cores.granted() != self._threads

    def _loss(self, score: float) -> float:
        # The library gives the negative log loss, and for regression half of the negative mean squared error.
        return -score if self._inputs.task.is_classification else float(np.sqrt(max(0.0, -2.0 * score)))


def _plain(model: Any) -> Pipeline:
    """Turn the model back into the library's own class, without attributes that only the fit needed."""
    del model.on_iteration
    model.set_params(warm_start=False)  # not a part of the model
    model._bin_mapper.set_params(n_threads=None)
    for name in LEFTOVERS:
        model.__dict__.pop(name, None)
    classification = isinstance(model, HistGradientBoostingClassifier)
    model.__class__ = HistGradientBoostingClassifier if classification else HistGradientBoostingRegressor
    return Pipeline([("boosting", model)])


FAMILY = Family(
    artifact_format="skops",
    fit=fit,
    load=loader(ModelType.HIST_GRADIENT_BOOSTING),
    cost=FitCost(prepare=170.0, per_round=11.0, predict=100.0),
)
