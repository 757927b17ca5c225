"""XGBoost (Chen and Guestrin, KDD 2016) with histograms: handles categories and missing values itself.

Nothing of a model depends on the number of threads: the derivatives are such that their sums are exact
(`xgboost_gradients`), and one thread estimates the intercept and computes the loss that decides about early stopping.
"""

import json
from collections.abc import Sequence
from typing import Any

from ml_training.domain.algorithms import ModelType, Params
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.resumable import obstacles
from ml_training.domain.states import TaskKind
from ml_training.inference.xgboost_predictor import XGBoostPredictor, library, load_booster
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
from ml_training.training.estimators.xgboost_data import make_dataset, stored_names
from ml_training.training.estimators.xgboost_gradients import Gradients

UBJSON = "ubj"
HISTOGRAMS = 256  # that are kept: with exact sums fewer give the same trees; a deep tree would take gigabytes
OBJECTIVES = {
    TaskKind.BINARY: ("binary:logistic", "logloss"),
    TaskKind.MULTICLASS: ("multi:softprob", "mlogloss"),
    TaskKind.REGRESSION: ("reg:squarederror", "rmse"),
}


class XGBoostModel(XGBoostPredictor):
    """An XGBoost booster, used up to its best round."""

    def dump(self, terms: UserTerms) -> bytes:
        """See Predictor."""
        kept = self._kept()
        kept.feature_names = stored_names(terms.features)
        return bytes(kept.save_raw(UBJSON))

    def importance(self) -> Importance:
        """The total gain of the splits of each feature, and their number, up to the best round."""
        kept = self._kept()
        names = kept.feature_names or [f"f{at}" for at in range(kept.num_features())]
        gains, splits = (kept.get_score(importance_type=kind) for kind in ("total_gain", "weight"))
        values = [float(gains.get(name, 0.0)) for name in names]
        return Importance("gain", values, [int(splits.get(name, 0)) for name in names])

    def _kept(self) -> Any:
        """A booster of its own with the rounds up to the best one."""
        return self._booster[: self._rounds or self._booster.num_boosted_rounds()]


def fit(inputs: FitInputs) -> FitResult:
    """Boost round by round; early stopping keeps the rounds up to the best one."""
    xgboost = _require_library()
    try:
        boosting = _Boosting(xgboost, inputs)
        boosting.run()
    except xgboost.core.XGBoostError as error:
        raise (MemoryError() if "bad_alloc" in str(error) else error) from error
    kept = boosting.best.best_iteration if boosting.stops else boosting.done
    model = XGBoostModel(boosting.booster, inputs.task, rounds=kept)
    return FitResult(model, iterations=kept, best_iteration=kept if boosting.stops else None)


class _Boosting:
    """The rounds of one fit: trees, losses, checkpoints, progress, and the number of threads of each."""

    def __init__(self, xgboost: Any, inputs: FitInputs) -> None:
        self.stops = inputs.stop is not None
        params = library_params(inputs)
        self._rounds = params.pop("n_estimators")
        self.best = BestLoss(inputs.early_stopping_rounds or self._rounds)
        self._inputs = inputs
        threads = inputs.cores.granted()
        train = None
        self._sets: dict[str, Any] = {}
        for name, rows in {"train": inputs.fit, **inputs.evaluation_sets}.items():
            self._sets[name] = make_dataset(
                xgboost,
                rows,
                categories=inputs.categories,
                max_bin=params["max_bin"],
                threads=threads,
                reference=train,
            )
            train = self._sets["train"]
        checkpoint = inputs.resume_from
        self.done = 0 if checkpoint is None else checkpoint.done
        if checkpoint is None:
            params["base_score"] = _intercept(xgboost, params, train)
        else:
            inputs.curve.resume(checkpoint.losses)
            if checkpoint.best is not None:
                self.best.resume(checkpoint.best)
        state = None if checkpoint is None else bytearray(checkpoint.state)
        self.booster = xgboost.Booster(params, cache=list(self._sets.values()), model_file=state)
        self._gradients = Gradients(inputs.task, inputs.fit.y, inputs.fit.weights)
        self._threads = 0

    def run(self) -> None:
        """All rounds that are left; raises Interrupted."""
        is_over = self.done == self._rounds
        while not is_over:
            self._use(self._inputs.cores.granted())
            margin = self.booster.predict(self._sets["train"], output_margin=True, training=True)
            first, second = self._gradients.at(margin)
            self.booster.boost(self._sets["train"], self.done, grad=first, hess=second)
            self.done += 1
            losses = self._losses()
            self._inputs.curve.record(self.done, **losses)
            if self.stops:
                self.best.improved(self.done, losses["stop"])
            is_over = self.done == self._rounds or (self.stops and self.best.exhausted(self.done))
            writer = self._inputs.checkpoint_writer
            (writer.write_last if is_over else writer.write_if_due)(self._checkpoint)
            self._inputs.progress.step(self.done, self._rounds, f"round {self.done} of {self._rounds}")

    def _use(self, threads: int) -> None:
        if threads != self._threads:
            self._threads = threads
            self.booster.set_param({"nthread": threads})

    def _losses(self) -> dict[str, float]:
        losses = self._evaluated([name for name in self._sets if name != "stop"])
        if self.stops:
            # The sum of a loss depends on the number of threads; which round is the best must not.
            self._use(1)
            losses |= self._evaluated(["stop"])
        return losses

    def _evaluated(self, names: Sequence[str]) -> dict[str, float]:
        """The losses by name. The library writes them as text, with every digit: "[7]\\ttrain-rmse:0.5"."""
        text = self.booster.eval_set([(self._sets[name], name) for name in names], self.done - 1)
        values = [float(part.rpartition(":")[2]) for part in text.split("\t")[1:]]
        return dict(zip(names, values, strict=True))

    def _checkpoint(self) -> Checkpoint:
        state = bytes(self.booster.save_raw(UBJSON))
        return Checkpoint(self.done, state, self._inputs.curve.losses, self.best.state if self.stops else None)


def _intercept(xgboost: Any, params: dict[str, Any], train: Any) -> str:
    """The intercept that the library estimates, as it writes it; it does so in the first round of any booster."""
    stump = xgboost.Booster({**params, "max_depth": 1, "max_leaves": 0, "nthread": 1}, cache=[train])
    stump.update(train, 0)
    found: str = json.loads(stump.save_config())["learner"]["learner_model_param"]["base_score"]
    return found


def load(payload: bytes, task: TaskKind) -> XGBoostModel:
    """Load XGBoost's UBJSON; the caller must have checked its hash: forged bytes can crash the process."""
    _require_library()
    return XGBoostModel(load_booster(payload), task)


def _require_library() -> Any:
    """The package; raises JobFailed where it cannot be loaded."""
    try:
        return library()
    except (ImportError, OSError) as error:
        hint = "install xgboost-cpu (macOS: xgboost) and, where it is missing, libgomp (Linux) or libomp (macOS)"
        raise JobFailed(ErrorCode.TRAINING_ERROR, f"XGBoost cannot be loaded: {error}", hint=hint) from error


def library_params(inputs: FitInputs) -> dict[str, Any]:
    """The parameters of the library, and `n_estimators`, which is none of them."""
    objective, metric = OBJECTIVES[inputs.task]
    params = inputs.params.model_dump()
    classes = {"num_class": inputs.classes} if inputs.task is TaskKind.MULTICLASS else {}
    return (
        params
        | classes
        | {
            "max_depth": params["max_depth"] or 0,
            "objective": objective,
            "eval_metric": metric,
            "tree_method": "hist",
            "max_cached_hist_node": HISTOGRAMS,
            "seed": inputs.random_state,
            "verbosity": 0,
        }
    )


def can_resume(params: Params) -> bool:
    """Without random draws: see `obstacles`."""
    return not obstacles(ModelType.XGBOOST, params.model_dump())


FAMILY = Family(
    artifact_format="xgboost-ubj",
    fit=fit,
    load=load,
    cost=FitCost(prepare=300.0, per_round=10.0, predict=30.0),
    can_resume=can_resume,
)
