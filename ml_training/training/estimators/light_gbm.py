"""LightGBM (Ke et al., NIPS 2017): handles categories and missing values itself; stored as its own text."""

import re
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import ModelType, Params
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.resumable import obstacles
from ml_training.domain.states import TaskKind
from ml_training.inference.booster_predictor import BoosterPredictor, load_booster
from ml_training.inference.matrix import Matrix
from ml_training.training.canonical import canonical_lightgbm
from ml_training.training.checkpoint import Checkpoint
from ml_training.training.estimators.base import (
    BestLoss,
    Family,
    FitCost,
    FitInputs,
    FitResult,
    Importance,
    UserTerms,
)
from ml_training.training.estimators.light_gbm_data import lgb, make_dataset
from ml_training.training.estimators.light_gbm_text import in_user_terms
from ml_training.training.estimators.light_gbm_threads import ThreadLimit, limited_threads

MIN_BAG_ROWS = 1.5  # not 1: its share of the rows is rounded
MIN_LEAF_WEIGHT = 1e-6  # sum of second derivatives
OBJECTIVES = {
    TaskKind.BINARY: ("binary", "binary_logloss"),
    TaskKind.MULTICLASS: ("multiclass", "multi_logloss"),
    TaskKind.REGRESSION: ("regression", "rmse"),
}


class BoosterModel(BoosterPredictor):
    """A LightGBM booster, used up to its best round."""

    def contributions(self, x: Matrix, *, threads: int) -> NDArray[np.float64]:
        """See Contributor: SHAP values, Lundberg et al., "Consistent individualized feature attribution for tree
        ensembles", 2018."""
        found = self._booster.predict(x, num_iteration=self._rounds, num_threads=threads, pred_contrib=True)
        return np.asarray(found, dtype=np.float64)

    def dump(self, terms: UserTerms) -> bytes:
        """See Predictor."""
        return in_user_terms(self._text, terms).encode()

    @cached_property
    def _text(self) -> str:
        return canonical_lightgbm(self._booster.model_to_string(num_iteration=self._rounds)).decode()

    def importance(self) -> Importance:
        """The total gain of the splits of each feature, and their number: `feature_importance` of the stored model.

        The gains are read from its text, which rounds them: a resumed training has read some of its trees from text.
        """
        text = self._text
        gains = np.array(_values_of_trees(text, "split_gain"), dtype=np.float32)
        used = np.array(_values_of_trees(text, "split_feature"), dtype=np.int64)[gains > 0]
        count = self._booster.num_feature()
        total = np.bincount(used, weights=gains[gains > 0], minlength=count)
        return Importance("gain", total.tolist(), np.bincount(used, minlength=count).tolist())


def _values_of_trees(text: str, name: str) -> list[str]:
    """The values of the lines of this name, one line for each tree."""
    return " ".join(re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)).split()


def fit(inputs: FitInputs) -> FitResult:
    """Boost with a callback after each round; early stopping keeps the rounds up to the best one."""
    require_library()
    try:
        with limited_threads(lgb, inputs.cores) as limit:
            booster, callback = _boost(inputs, limit)
    except lgb.basic.LightGBMError as error:
        raise (MemoryError() if "bad_alloc" in str(error) else error) from error
    kept = callback.best.best_iteration if callback.stops else booster.current_iteration()
    model = BoosterModel(booster, inputs.task, rounds=kept)
    return FitResult(model, iterations=kept, best_iteration=kept if callback.stops else None)


def _boost(inputs: FitInputs, limit: ThreadLimit) -> tuple[Any, "_RoundCallback"]:
    params = library_params(inputs) | {"num_threads": limit.most}
    checkpoint = inputs.resume_from
    rounds, done = params.pop("n_estimators"), 0 if checkpoint is None else checkpoint.done
    of_categories = partial(make_dataset, params=params, categories=inputs.categories, binned=inputs.binned)
    train = of_categories(inputs.fit)
    sets = {name: of_categories(rows, reference=train) for name, rows in inputs.evaluation_sets.items()}
    if checkpoint is None:  # otherwise LightGBM needs the trees of the checkpoint before it bins the rows
        for dataset in (train, *sets.values()):
            dataset.construct()
    if getattr(train, "cached", False):
        inputs.progress.log("the bins of the features were kept by an earlier job")
    callback = _RoundCallback(inputs, rounds, limit, stop=sets.get("stop"))
    limit.lift()
    booster = lgb.train(
        params,
        train,
        num_boost_round=rounds - done,
        init_model=None if checkpoint is None else lgb.Booster(model_str=checkpoint.state.decode()),
        valid_sets=[train, *sets.values()],
        valid_names=["train", *sets],
        callbacks=[_BeforeRound(limit), callback],
        keep_training_booster=True,
    )
    return booster, callback


def load(payload: bytes, task: TaskKind) -> BoosterModel:
    """Load LightGBM's text; the caller must have checked its hash: a forged text can crash the process."""
    require_library()
    return BoosterModel(load_booster(payload), task)


class _BeforeRound:
    """Runs before each round: uses the threads that the job is granted now."""

    before_iteration = True

    def __init__(self, limit: ThreadLimit) -> None:
        self._limit = limit

    def __call__(self, env: Any) -> None:
        self._limit.apply_granted()


class _RoundCallback:
    """Runs after each round: records the losses, writes checkpoints, reports, and stops early."""

    def __init__(self, inputs: FitInputs, rounds: int, limit: ThreadLimit, *, stop: Any) -> None:
        # dart reweights earlier trees in every round, so the model of an earlier round cannot be restored.
        self.stops = inputs.stop is not None and getattr(inputs.params, "boosting_type", "") != "dart"
        self.best = BestLoss(inputs.early_stopping_rounds or rounds)
        self._inputs = inputs
        self._rounds = rounds
        self._limit = limit
        self._stop = stop
        if inputs.resume_from is not None:
            inputs.curve.resume(inputs.resume_from.losses)
            if inputs.resume_from.best is not None:
                self.best.resume(inputs.resume_from.best)
        if inputs.stop is not None and not self.stops:
            inputs.progress.log("early stopping is not possible with boosting_type dart: every round is trained")

    def __call__(self, env: Any) -> None:
        done = env.iteration + 1
        losses = {part: loss for part, _, loss, *_ in env.evaluation_result_list}
        if self.stops:
            # The sum of a loss depends on the number of threads; which round is the best must not.
            with self._limit.one_thread():
                losses["stop"] = env.model.eval(self._stop, "stop")[0][2]
        self._inputs.curve.record(done, **losses)
        if self.stops:
            self.best.improved(done, losses["stop"])
        is_over = done == self._rounds or (self.stops and self.best.exhausted(done))
        if not is_over:
            self._inputs.checkpoint_writer.write_if_due(lambda: self._checkpoint(done, env.model))
        elif env.model.current_iteration() == done:  # otherwise the last rounds have found no split
            self._inputs.checkpoint_writer.write_last(lambda: self._checkpoint(done, env.model))
        self._inputs.progress.step(done, self._rounds, f"round {done} of {self._rounds}")
        if is_over and done < self._rounds:
            raise lgb.EarlyStopException(self.best.best_iteration - 1, [])

    def _checkpoint(self, done: int, booster: Any) -> Checkpoint:
        state = booster.model_to_string(num_iteration=-1).encode()
        return Checkpoint(done, state, self._inputs.curve.losses, self.best.state if self.stops else None)


def require_library() -> None:
    """Raise JobFailed where the library cannot be loaded."""
    if lgb is None:
        message = "LightGBM cannot be loaded: the worker's machine has no OpenMP runtime"
        raise JobFailed(ErrorCode.TRAINING_ERROR, message, hint="install libgomp (Linux) or libomp (macOS)")


def library_params(inputs: FitInputs) -> dict[str, Any]:
    """The parameters of the library, of which `n_estimators` is an argument of its own."""
    objective, metric = OBJECTIVES[inputs.task]
    params = inputs.params.model_dump()
    params["max_depth"] = params["max_depth"] or -1
    # The library fails when it rounds a bag down to no rows, or when rounded sums make it split off no rows.
    params["min_child_weight"] = max(params["min_child_weight"], MIN_LEAF_WEIGHT)
    params["subsample"] = min(1.0, max(params["subsample"], MIN_BAG_ROWS / len(inputs.fit.y)))
    return params | {
        "objective": objective,
        "metric": metric,
        "num_class": inputs.classes if inputs.task is TaskKind.MULTICLASS else 1,
        "seed": inputs.random_state,
        "deterministic": True,
        "force_row_wise": True,  # otherwise LightGBM times both ways, and the times decide about the trees
        "verbosity": -1,
    }


def can_resume(params: Params) -> bool:
    """Without dart and without random draws: see `obstacles`."""
    return not obstacles(ModelType.LIGHTGBM, params.model_dump())


FAMILY = Family(
    artifact_format="lightgbm-text",
    fit=fit,
    load=load,
    cost=FitCost(prepare=200.0, per_round=8.0, predict=30.0),
    can_resume=can_resume,
    reads_parts=True,
)
