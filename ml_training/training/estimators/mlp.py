"""The multi-layer perceptron of scikit-learn, an epoch at a time.

Driven by `partial_fit` over slices of a freshly permuted training part. As in a plain fit, every epoch shows every
row once, in a new order, in mini-batches of the same size, to the same optimiser; only the random orders differ.
A plain fit's rule of convergence holds: ten epochs in which the training loss does not fall by 1e-4.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.training.estimators import preprocessing
from ml_training.training.estimators.base import BestLoss, Family, FitJob, Fitted, Part
from ml_training.training.estimators.pipeline import PipelineModel, load_pipeline
from ml_training.training.reporter import slices
from ml_training.training.threads import limited

TRUSTED = ("numpy.dtype",)
PATIENCE, TOLERANCE = 10, 1e-4  # scikit-learn's defaults
WATCHED_ROWS = 10_000  # of the held-out part, for the curve
SLICE_BATCHES = 32  # mini-batches between two questions whether to stop
LEFTOVERS = ("_optimizer", "_random_state", "_best_coefs", "_best_intercepts", "_no_improvement_count")


def fit(job: FitJob) -> Fitted:
    """Epoch by epoch; early stopping restores the weights of the best epoch."""
    encoder = preprocessing.for_gradients(job)
    with limited(job.threads):
        fitted = Part(encoder.fit_transform(job.fit.x), job.fit.y)
        watched = {
            name: Part(encoder.transform(part.x), part.y)
            for name, part in (("held_out", _head(job.held_out)), ("stop", job.stop))
            if part is not None
        }
        training = _Training(job, fitted)
        epochs = training.run(watched)
    pipeline = Pipeline([("encode", encoder), ("network", training.finished(epochs))])
    best = epochs if job.stop is not None else None
    return Fitted(PipelineModel(pipeline, job.task), iterations=epochs, best_iteration=best)


class _Training:
    """The network and what it takes to go on with it."""

    def __init__(self, job: FitJob, part: Part) -> None:
        params = job.params.model_dump()
        self._job = job
        self._part = part
        self._epochs = params["max_iter"]
        self._batch = min(params.pop("batch_size"), len(part.y))
        self._random = np.random.default_rng((job.random_state, 1))  # of the row orders only
        self._losses: list[float] = []
        self.network = (MLPClassifier if job.task.is_classification else MLPRegressor)(
            **params,
            batch_size=self._batch,
            shuffle=False,  # the rows come shuffled
            random_state=job.random_state,
        )

    def run(self, watched: dict[str, Part]) -> int:
        """Train until it converges, stops early or reaches the last epoch; the number of epochs that the model has."""
        converged = BestLoss(PATIENCE + 1, tolerance=TOLERANCE)
        watch = BestLoss(self._job.early_stopping_rounds or self._epochs, tolerance=TOLERANCE)
        weights: list[NDArray[Any]] = []
        for epoch in range(1, self._epochs + 1):
            losses = {"train": self._epoch(epoch)} | {name: self._loss(part) for name, part in watched.items()}
            self._losses.append(losses["train"])
            self._job.curve.record(epoch, **{name: self._shown(loss) for name, loss in losses.items()})
            converged.improved(epoch, losses["train"])
            if "stop" in losses and watch.improved(epoch, losses["stop"]):
                weights = [array.copy() for array in self._weights()]
            if watch.exhausted(epoch) if "stop" in losses else converged.exhausted(epoch):
                break
        else:
            self._job.progress.log(f"max_iter reached: {self._epochs} epochs were not enough to converge")
        if not weights:
            return epoch
        for array, best in zip(self._weights(), weights, strict=True):
            array[...] = best
        return watch.best_iteration

    def finished(self, epochs: int) -> Any:
        """The network without what only the training needed, and with the counters of a plain fit."""
        network = self.network
        for name in LEFTOVERS:
            network.__dict__.pop(name, None)
        network.set_params(shuffle=True)
        network.loss_curve_ = self._losses[:epochs]
        network.loss_ = self._losses[epochs - 1]
        network.best_loss_ = min(network.loss_curve_)
        network.n_iter_, network.t_ = epochs, epochs * len(self._part.y)
        return network

    def _epoch(self, epoch: int) -> float:
        """The mean training loss over the epoch, with the penalty, as the network itself counts it."""
        order = self._random.permutation(len(self._part.y))
        classes = {"classes": np.arange(self._job.classes)} if self._job.task.is_classification else {}
        total = 0.0
        for part in _whole_batches(len(order), self._batch):
            rows = order[part]
            try:
                self.network.partial_fit(self._part.x[rows], self._part.y[rows], **classes)
            except ValueError as error:
                raise _diverged(error) from error
            total += self.network.loss_ * len(rows)
            done = epoch - 1 + part.stop / len(order)
            self._job.progress.step(done, self._epochs, f"epoch {epoch} of at most {self._epochs}")
        return total / len(order)

    def _loss(self, part: Part) -> float:
        if self._job.task.is_classification:
            return float(log_loss(part.y, self.network.predict_proba(part.x), labels=np.arange(self._job.classes)))
        return float(np.mean((self.network.predict(part.x) - part.y) ** 2) / 2)

    def _shown(self, loss: float) -> float:
        return loss if self._job.task.is_classification else float(np.sqrt(2 * loss))

    def _weights(self) -> list[NDArray[Any]]:
        return [*self.network.coefs_, *self.network.intercepts_]


def _head(part: Part) -> Part:
    return Part(part.x[:WATCHED_ROWS], part.y[:WATCHED_ROWS])


def _whole_batches(rows: int, batch: int) -> list[slice]:
    """Slices of whole mini-batches; a rest smaller than one mini-batch joins the slice before it."""
    found = list(slices(rows, of=batch * SLICE_BATCHES))
    if len(found) > 1 and found[-1].stop - found[-1].start < batch:
        found[-2:] = [slice(found[-2].start, rows)]
    return found


def _diverged(error: ValueError) -> Exception:
    """scikit-learn's ValueError about weights that are no longer finite is the job's own fault; any other is not."""
    if "non-finite" not in str(error):
        return error
    message = "the network's weights grew beyond all bounds"
    return JobFailed(ErrorCode.TRAINING_ERROR, message, hint="lower learning_rate_init, or use fewer hidden layers")


def _load(payload: bytes, task: TaskKind) -> PipelineModel:
    return load_pipeline(payload, task, trusted=TRUSTED)


FAMILY = Family("skops", fit, _load, standardise=True)
