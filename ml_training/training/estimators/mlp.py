"""The multi-layer perceptron of scikit-learn: one plain fit, watched after every epoch and interruptible in each.

The library has no callback for it. The methods that it calls after each mini-batch and each epoch are overridden to
look and to tell; the numbers are those of the plain fit, and the conformance tests fail should a hook ever be gone.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import BestLoss, Family, FitJob, Fitted, Part
from ml_training.training.estimators.pipeline import PipelineModel, load_pipeline
from ml_training.training.threads import limited

TRUSTED = ("numpy.dtype",)
TOLERANCE = 1e-4  # scikit-learn's default
WATCHED_ROWS = 10_000  # of the held-out part, for the curve
LOOK_BATCHES = 32  # mini-batches between two questions whether to stop
ENOUGH = 10**9  # epochs without improvement: the library's way to be told to end
LEFTOVERS = (
    "_optimizer", "_random_state", "_best_coefs", "_best_intercepts", "_no_improvement_count", "watch",
)  # fmt: skip


class _Watched:
    """Tells `watch` of every mini-batch and every epoch."""

    watch: Any
    loss_: float
    n_iter_: int
    _no_improvement_count: int

    def _backprop(self, *arguments: Any) -> Any:
        found = super()._backprop(*arguments)  # type: ignore[misc]
        self.watch.after_batch()
        return found

    def _update_no_improvement_count(self, *arguments: Any) -> None:
        super()._update_no_improvement_count(*arguments)  # type: ignore[misc]
        if self.watch.after_epoch(self):
            self._no_improvement_count = ENOUGH


class _Classifier(_Watched, MLPClassifier):  # type: ignore[misc]
    """The classifier, watched."""


class _Regressor(_Watched, MLPRegressor):  # type: ignore[misc]
    """The regressor, watched."""


def fit(job: FitJob) -> Fitted:
    """One fit. It ends when ten epochs do not lower the training loss; early stopping watches the loss of its own rows
    instead, and restores the weights of the best epoch."""
    encoder = preprocessing.for_gradients(job)
    params = job.params.model_dump()
    params["batch_size"] = min(params["batch_size"], len(job.fit.y))
    patience = {} if job.stop is None else {"n_iter_no_change": params["max_iter"] + 1}
    network = (_Classifier if job.task.is_classification else _Regressor)(
        **params, **patience, random_state=job.random_state
    )
    with limited(job.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in the job's log instead
        x = encoder.fit_transform(job.fit.x)
        network.watch = watch = _Watch(job, encoder, batches=-(-len(x) // params["batch_size"]))
        try:
            network.fit(x, job.fit.y, sample_weight=job.fit.weights)
        except ValueError as error:
            raise _diverged(error) from error
    if network.n_iter_ == params["max_iter"] and job.stop is None:
        job.progress.log(f"max_iter reached: {network.n_iter_} epochs were not enough to converge")
    epochs = watch.restore(network)
    pipeline = Pipeline([("encode", encoder), ("network", _plain(network))])
    return Fitted(PipelineModel(pipeline, job.task), iterations=epochs, best_iteration=epochs if job.stop else None)


class _Watch:
    """Asks whether to stop, records the losses, and keeps the best weights while early stopping watches."""

    def __init__(self, job: FitJob, encoder: Any, *, batches: int) -> None:
        self._job = job
        self._epochs = job.params.model_dump()["max_iter"]
        self._batches = batches
        self._batch = 0
        self._best = BestLoss(job.early_stopping_rounds or self._epochs, tolerance=TOLERANCE)
        self._weights: list[NDArray[Any]] = []
        self._parts = {name: _watched(encoder, name, part) for name, part in job.watched.items()}

    def after_batch(self) -> None:
        """One more mini-batch; raises Interrupted."""
        self._batch += 1
        if self._batch % LOOK_BATCHES == 0 or self._batch % self._batches == 0:
            done = self._batch / self._batches
            self._job.progress.step(done, self._epochs, f"epoch {int(np.ceil(done))} of at most {self._epochs}")

    def after_epoch(self, network: Any) -> bool:
        """One more epoch; True when early stopping says that it is enough."""
        epoch = self._batch // self._batches
        losses = {"train": float(network.loss_)} | {
            name: self._loss(network, part) for name, part in self._parts.items()
        }
        self._job.curve.record(epoch, **{name: self._shown(loss) for name, loss in losses.items()})
        if "stop" not in losses:
            return False
        if self._best.improved(epoch, losses["stop"]):
            self._weights = [array.copy() for array in _weights(network)]
        return self._best.exhausted(epoch)

    def restore(self, network: Any) -> int:
        """Put the best weights back, if any were kept; the number of epochs that the network has learnt for."""
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

    def _loss(self, network: Any, part: Part) -> float:
        if self._job.task.is_classification:
            return float(log_loss(part.y, network.predict_proba(part.x), labels=np.arange(self._job.classes)))
        return float(np.mean((network.predict(part.x) - part.y) ** 2) / 2)

    def _shown(self, loss: float) -> float:
        return loss if self._job.task.is_classification else float(np.sqrt(2 * loss))


def _watched(encoder: Any, name: str, part: Part) -> Part:
    rows = len(part.y) if name == "stop" else WATCHED_ROWS
    return Part(encoder.transform(part.x[:rows]), part.y[:rows])


def _weights(network: Any) -> list[NDArray[Any]]:
    return [*network.coefs_, *network.intercepts_]


def _plain(network: Any) -> Any:
    """The library's own class, without what only the fit needed."""
    for name in LEFTOVERS:
        network.__dict__.pop(name, None)
    network.set_params(n_iter_no_change=10)
    network.__class__ = MLPClassifier if isinstance(network, MLPClassifier) else MLPRegressor
    return network


def _diverged(error: ValueError) -> Exception:
    """scikit-learn's ValueError about weights that are no longer finite is the job's own fault; any other is not."""
    if "non-finite" not in str(error):
        return error
    message = "the network's weights grew beyond all bounds"
    return JobFailed(ErrorCode.TRAINING_ERROR, message, hint="lower learning_rate_init, or use fewer hidden layers")


def _load(payload: bytes, task: TaskKind) -> PipelineModel:
    return load_pipeline(payload, task, trusted=TRUSTED)


FAMILY = Family("skops", fit, _load, standardise=True)
