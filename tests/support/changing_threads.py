"""Jobs whose threads change while they train, beside the same jobs with one thread."""

from pathlib import Path
from typing import Any

from ml_training.domain.states import TaskKind
from ml_training.selection.plan import plan_train
from ml_training.training import checkpoint, engine, fitting
from ml_training.training.cores import FixedCores
from ml_training.training.estimators import hist_gradient_boosting
from tests.support.training_data import ChangingCores, Recorder, job, mixed, trained

ROWS = 3_000
FEW = {"n_estimators": 12}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "lightgbm": ("lightgbm", {"params": FEW}),
    "lightgbm, draws of rows": ("lightgbm", {"params": FEW | {"subsample": 0.7, "subsample_freq": 2}}),
    "lightgbm, draws of columns": ("lightgbm", {"params": FEW | {"colsample_bytree": 0.5}}),
    "lightgbm, draws of thresholds": ("lightgbm", {"params": FEW | {"extra_trees": True}}),
    "lightgbm, dart": ("lightgbm", {"params": FEW | {"boosting_type": "dart"}}),
    "lightgbm, early stopping": (
        "lightgbm",
        {"params": {"n_estimators": 100, "learning_rate": 0.3}, "early_stopping_rounds": 3},
    ),
    "xgboost": ("xgboost", {"params": FEW}),
    "xgboost, draws of rows and columns": (
        "xgboost",
        {"params": FEW | {"subsample": 0.7, "colsample_bytree": 0.6, "colsample_bynode": 0.7}},
    ),
    "xgboost, leaf by leaf": ("xgboost", {"params": FEW | {"grow_policy": "lossguide", "max_leaves": 20}}),
    "xgboost, early stopping": (
        "xgboost",
        {"params": {"n_estimators": 100, "learning_rate": 0.5}, "early_stopping_rounds": 3},
    ),
    "hist_gradient_boosting": ("hist_gradient_boosting", {"params": FEW}),
    "hist_gradient_boosting, draws of columns": ("hist_gradient_boosting", {"params": FEW | {"max_features": 0.5}}),
    "hist_gradient_boosting, early stopping": (
        "hist_gradient_boosting",
        {"params": {"n_estimators": 100, "learning_rate": 0.5}, "early_stopping_rounds": 3},
    ),
    "random_forest": ("random_forest", {"params": FEW | {"max_depth": 8}}),
    "extra_trees": ("extra_trees", {"params": FEW | {"max_depth": 8}}),
    "logistic_regression": ("logistic_regression", {}),
    "ridge": ("ridge", {}),
    "mlp": ("mlp", {"params": {"max_iter": 3}}),
}
RESUMED = (
    "lightgbm",
    "lightgbm, early stopping",
    "xgboost",
    "xgboost, early stopping",
    "random_forest",
    "extra_trees",
)


def use_threads_at_once() -> None:
    """Grant small jobs every thread, and let nothing be too short for a change or a checkpoint."""
    fitting.CELLS_PER_THREAD = 100
    hist_gradient_boosting.MAX_TIME_SHARE = checkpoint.MAX_TIME_SHARE = float("inf")


def compare_with_one_thread(case: str, directory: Path) -> dict[str, Any]:
    """What differs between one thread and changing threads, and how often the job asked for its threads."""
    model_type, fields = CASES[case]
    index, spec = mixed(directory, TaskKind.BINARY, rows=ROWS), job(model_type, **fields)
    plan, cores, recorder = plan_train(spec, index), ChangingCores(), Recorder(keeps=True)
    one = engine.train(plan, reporter=recorder, cores=FixedCores(1))
    changing = trained(spec, index, cores=cores)
    kept = list(recorder.checkpoints.values())
    again = [
        engine.train(plan, reporter=Recorder(), cores=ChangingCores(), checkpoint=data)
        for data in ([kept[0], kept[len(kept) // 2], kept[-1]] if case in RESUMED else [])
    ]
    learning = [model.details["curves"]["learning"] or {} for model in (one, changing)]
    return {
        "equal": one.artifact == changing.artifact and one.scores == changing.scores,
        "stop_losses_equal": learning[0].get("stop") == learning[1].get("stop"),
        "importance_equal": one.details["importance"] == changing.details["importance"],
        "asked": len(cores.granted_so_far),
        "resumed": [one.artifact == model.artifact and one.scores == model.scores for model in again],
        "resumed_importance": [one.details["importance"] == model.details["importance"] for model in again],
    }
