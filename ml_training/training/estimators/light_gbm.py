"""LightGBM: categories and missing values natively, one callback per boosting round, stored as its own text."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import Params
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.training.canonical import canonical_lightgbm
from ml_training.training.checkpoint import Checkpoint
from ml_training.training.estimators.base import BestLoss, Family, FitJob, Fitted, Importance, Part
from ml_training.training.matrix import Matrix

ONE_AND_A_HALF = 1.5  # rows: safe against the rounding of its share
LIGHTEST_LEAF = 1e-6  # sum of second derivatives
OBJECTIVES = {
    TaskKind.BINARY: ("binary", "binary_logloss"),
    TaskKind.MULTICLASS: ("multiclass", "multi_logloss"),
    TaskKind.REGRESSION: ("regression", "rmse"),
}


def _library() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except OSError:  # no OpenMP runtime on this machine: every other algorithm stays usable
        return None


lgb = _library()


class BoosterModel:
    """A LightGBM booster, cut at its best round."""

    def __init__(self, booster: Any, task: TaskKind, *, rounds: int | None = None) -> None:
        self.probabilistic = task.is_classification
        self._booster = booster
        self._task = task
        self._rounds = rounds

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """See Predictor."""
        raw: NDArray[Any] = np.asarray(self._booster.predict(x, num_iteration=self._rounds, num_threads=threads))
        return np.column_stack([1.0 - raw, raw]) if self._task is TaskKind.BINARY else raw

    def dump(self) -> bytes:
        """See Predictor."""
        return canonical_lightgbm(self._booster.model_to_string(num_iteration=self._rounds))

    def importance(self) -> Importance:
        """The total gain of a feature's splits, and their number."""
        # Of the model as it is stored: its text rounds the gains, and a resumed training has read some of them there.
        stored = lgb.Booster(model_str=self.dump().decode())
        gain, splits = stored.feature_importance("gain"), stored.feature_importance("split")
        return Importance("gain", [float(value) for value in gain], [int(value) for value in splits])


def fit(job: FitJob) -> Fitted:
    """Boost round by round; early stopping keeps the rounds up to the best one."""
    _require_library()
    params = _params(job)
    rounds, done = params.pop("n_estimators"), 0 if job.resume is None else job.resume.done
    train = _dataset(job, job.fit, params)
    watch = _Watch(job, rounds)
    try:
        booster = lgb.train(
            params,
            train,
            num_boost_round=rounds - done,
            init_model=None if job.resume is None else lgb.Booster(model_str=job.resume.state.decode()),
            valid_sets=[train, *(_dataset(job, part, params, reference=train) for part in job.watched.values())],
            valid_names=["train", *job.watched],
            callbacks=[watch],
            keep_training_booster=True,
        )
    except lgb.basic.LightGBMError as error:
        raise (MemoryError() if "bad_alloc" in str(error) else error) from error
    kept = watch.best.best_iteration if watch.stops else booster.current_iteration()
    model = BoosterModel(booster, job.task, rounds=kept)
    return Fitted(model, iterations=kept, best_iteration=kept if watch.stops else None)


def load(payload: bytes, task: TaskKind) -> BoosterModel:
    """From LightGBM's text; it must be our own, checked by its hash: a forged one can kill the process."""
    _require_library()
    return BoosterModel(lgb.Booster(model_str=payload.decode()), task)


class _Watch:
    """The callback of every round: stops, records, reports, and ends the training when the loss stays up."""

    def __init__(self, job: FitJob, rounds: int) -> None:
        # dart reweights earlier trees in every round, so that its best round cannot be cut out afterwards.
        self.stops = job.stop is not None and getattr(job.params, "boosting_type", "") != "dart"
        self.best = BestLoss(job.early_stopping_rounds or rounds)
        self._job = job
        self._rounds = rounds
        if job.resume is not None:
            job.curve.go_on(job.resume.losses)
            if job.resume.best is not None:
                self.best.go_on(job.resume.best)
        if job.stop is not None and not self.stops:
            job.progress.log("early stopping is not possible with boosting_type dart: every round is trained")

    def __call__(self, env: Any) -> None:
        done = env.iteration + 1
        losses = {part: loss for part, _, loss, *_ in env.evaluation_result_list}
        self._job.curve.record(done, **losses)
        if self.stops:
            self.best.improved(done, losses["stop"])
        is_over = done == self._rounds or (self.stops and self.best.exhausted(done))
        if not is_over:
            self._job.keeper.offer(lambda: self._checkpoint(done, env.model))
        self._job.progress.step(done, self._rounds, f"round {done} of {self._rounds}")
        if is_over and done < self._rounds:
            raise lgb.EarlyStopException(self.best.best_iteration - 1, [])

    def _checkpoint(self, done: int, booster: Any) -> Checkpoint:
        state = booster.model_to_string(num_iteration=-1).encode()
        return Checkpoint(done, state, self._job.curve.losses, self.best.state if self.stops else None)


def _require_library() -> None:
    if lgb is None:
        message = "LightGBM cannot be loaded: the worker's machine has no OpenMP runtime"
        raise JobFailed(ErrorCode.TRAINING_ERROR, message, hint="install libgomp (Linux) or libomp (macOS)")


def _params(job: FitJob) -> dict[str, Any]:
    objective, metric = OBJECTIVES[job.task]
    params = job.params.model_dump()
    params["max_depth"] = params["max_depth"] or -1
    # The library fails where it rounds a bag down to no rows, or, tricked by the rounding of sums, splits off none.
    params["min_child_weight"] = max(params["min_child_weight"], LIGHTEST_LEAF)
    params["subsample"] = min(1.0, max(params["subsample"], ONE_AND_A_HALF / len(job.fit.y)))
    return params | {
        "objective": objective,
        "metric": metric,
        "num_class": job.classes if job.task is TaskKind.MULTICLASS else 1,
        "num_threads": job.threads,
        "seed": job.random_state,
        "deterministic": True,
        "force_row_wise": True,  # else LightGBM times both ways, and the outcome decides on the trees
        "verbosity": -1,
    }


def _dataset(job: FitJob, part: Part, params: dict[str, Any], *, reference: Any = None) -> Any:
    return lgb.Dataset(
        part.x,
        label=part.y,
        weight=part.weights,
        reference=reference,
        categorical_feature=job.categories,
        params=dict(params),
    )


def can_resume(params: Params) -> bool:
    """Without random draws of rows, columns or thresholds, whose state a model does not carry, and without dart."""
    values = params.model_dump()
    draws_rows = values["subsample"] < 1 and values["subsample_freq"] > 0
    draws = draws_rows or values["colsample_bytree"] < 1 or values["extra_trees"]
    return not draws and values["boosting_type"] == "gbdt"


FAMILY = Family("lightgbm-text", fit, load, can_resume=can_resume)
