"""The multi-layer perceptron of scikit-learn: one plain fit with a callback after each mini-batch and each epoch.

The library has no callbacks, so the methods that it calls at these moments are overridden. The numbers are those of
the plain fit. The conformance tests fail if a later version of the library has no such methods.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.inference.threads import limit_threads
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import BestLoss, Family, FitCost, FitInputs, FitResult, LabelledRows
from ml_training.training.estimators.pipeline import PipelineModel, loader

TOLERANCE = 1e-4  # scikit-learn's default
CURVE_ROWS = 10_000  # of the held-out part, for the learning curve
STOP_CHECK_BATCHES = 32  # mini-batches between two checks whether to stop
STOP_FIT = 10**9  # epochs without improvement: more than any patience, so the library ends the fit
LEFTOVERS = (
    "_optimizer",
    "_random_state",
    "_best_coefs",
    "_best_intercepts",
    "_no_improvement_count",
    "epoch_callback",
)


class _CallbackMixin:
    """Calls `epoch_callback` after every mini-batch and every epoch."""

    epoch_callback: Any
    loss_: float
    n_iter_: int
    _no_improvement_count: int

    def _backprop(self, *arguments: Any) -> Any:
        found = super()._backprop(*arguments)  # type: ignore[misc]
        self.epoch_callback.after_batch()
        return found

    def _update_no_improvement_count(self, *arguments: Any) -> None:
        super()._update_no_improvement_count(*arguments)  # type: ignore[misc]
        if self.epoch_callback.after_epoch(self):
            self._no_improvement_count = STOP_FIT


class _Classifier(_CallbackMixin, MLPClassifier):  # type: ignore[misc]
    """The classifier with callbacks."""


class _Regressor(_CallbackMixin, MLPRegressor):  # type: ignore[misc]
    """The regressor with callbacks."""


def fit(inputs: FitInputs) -> FitResult:
    """One plain fit, which ends when ten epochs do not lower the training loss.

    Early stopping uses the loss of its own rows instead, and restores the weights of the best epoch.
    """
    encoder = preprocessing.for_gradients(inputs)
    params = inputs.params.model_dump()
    params["batch_size"] = min(params["batch_size"], len(inputs.fit.y))
    patience = {} if inputs.stop is None else {"n_iter_no_change": params["max_iter"] + 1}
    network = (_Classifier if inputs.task.is_classification else _Regressor)(
        **params, **patience, random_state=inputs.random_state
    )
    with limit_threads(inputs.cores.granted()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # logged below instead
        x = preprocessing.fit_transform(encoder, inputs.fit.x)
        network.epoch_callback = callback = _EpochCallback(inputs, encoder, batches=-(-len(x) // params["batch_size"]))
        try:
            network.fit(x, inputs.fit.y, sample_weight=inputs.fit.weights)
        except ValueError as error:
            raise _diverged(error) from error
    if network.n_iter_ == params["max_iter"] and inputs.stop is None:
        inputs.progress.log(f"max_iter reached: {network.n_iter_} epochs were not enough to converge")
    epochs = callback.restore(network)
    pipeline = Pipeline([("encode", encoder), ("network", _plain(network))])
    return FitResult(
        PipelineModel(pipeline, inputs.task), iterations=epochs, best_iteration=epochs if inputs.stop else None
    )


class _EpochCallback:
    """Checks whether to stop, records the losses, and keeps the best weights for early stopping."""

    def __init__(self, inputs: FitInputs, encoder: Any, *, batches: int) -> None:
        self._inputs = inputs
        self._epochs = inputs.params.model_dump()["max_iter"]
        self._batches = batches
        self._batch = 0
        self._best = BestLoss(inputs.early_stopping_rounds or self._epochs, tolerance=TOLERANCE)
        self._weights: list[NDArray[Any]] = []
        self._evaluated = {name: _encoded(encoder, name, rows) for name, rows in inputs.evaluation_sets.items()}

    def after_batch(self) -> None:
        """Count a mini-batch and report the progress; raises Interrupted."""
        self._batch += 1
        if self._batch % STOP_CHECK_BATCHES == 0 or self._batch % self._batches == 0:
            done = self._batch / self._batches
            self._inputs.progress.step(done, self._epochs, f"epoch {int(np.ceil(done))} of at most {self._epochs}")

    def after_epoch(self, network: Any) -> bool:
        """Record the losses of an epoch; True when early stopping ends the fit."""
        epoch = self._batch // self._batches
        losses = {"train": float(network.loss_)} | {
            name: self._loss(network, rows) for name, rows in self._evaluated.items()
        }
        self._inputs.curve.record(epoch, **{name: self._published(loss) for name, loss in losses.items()})
        if "stop" not in losses:
            return False
        if self._best.improved(epoch, losses["stop"]):
            self._weights = [array.copy() for array in _weights(network)]
        return self._best.exhausted(epoch)

    def restore(self, network: Any) -> int:
        """Restore the best weights, if any were kept; returns the number of epochs of the weights."""
        if not self._weights:
            return int(network.n_iter_)
        for array, best in zip(_weights(network), self._weights, strict=True):
            array[...] = best
        epochs = self._best.best_iteration
        network.loss_curve_ = network.loss_curve_[:epochs]
        network.loss_ = network.loss_curve_[-1]
        network.best_loss_ = min(network.loss_curve_)
        network.n_iter_, network.t_ = epochs, network.t_ // network.n_iter_ * epochs
        return epochs

    def _loss(self, network: Any, rows: LabelledRows) -> float:
        if self._inputs.task.is_classification:
            return float(log_loss(rows.y, network.predict_proba(rows.x), labels=np.arange(self._inputs.classes)))
        return float(np.mean((network.predict(rows.x) - rows.y) ** 2) / 2)

    def _published(self, loss: float) -> float:
        return loss if self._inputs.task.is_classification else float(np.sqrt(2 * loss))


def _encoded(encoder: Any, name: str, rows: LabelledRows) -> LabelledRows:
    count = len(rows.y) if name == "stop" else CURVE_ROWS
    return LabelledRows(encoder.transform(rows.x[:count]), rows.y[:count])


def _weights(network: Any) -> list[NDArray[Any]]:
    return [*network.coefs_, *network.intercepts_]


def _plain(network: Any) -> Any:
    """Turn the network back into the library's own class, without attributes that only the fit needed."""
    for name in LEFTOVERS:
        network.__dict__.pop(name, None)
    network.set_params(n_iter_no_change=10)
    network.__class__ = MLPClassifier if isinstance(network, MLPClassifier) else MLPRegressor
    return network


def _diverged(error: ValueError) -> Exception:
    """JobFailed for scikit-learn's ValueError about weights that are not finite; any other error as it is."""
    if "non-finite" not in str(error):
        return error
    message = "the weights of the network are no longer finite numbers"
    return JobFailed(ErrorCode.TRAINING_ERROR, message, hint="lower learning_rate_init, or use fewer hidden layers")


FAMILY = Family(
    artifact_format="skops",
    fit=fit,
    load=loader(ModelType.MLP),
    cost=FitCost(prepare=100.0, per_round=300.0, predict=100.0),
    standardise=True,
)
