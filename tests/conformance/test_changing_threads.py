"""A job whose share of the cores changes while it trains ends with the model that one thread makes, bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
RESUMED = ("lightgbm", "lightgbm, early stopping", "random_forest", "extra_trees")


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


SCRIPT = """
import json, sys
from pathlib import Path
from tests.conformance.test_changing_threads import compare_with_one_thread, use_threads_at_once
use_threads_at_once()
print(json.dumps({case: compare_with_one_thread(case, Path(sys.argv[1])) for case in sys.argv[2:]}))
"""


@pytest.fixture(scope="module")
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The cases of the tests that run now, in a process of its own: OpenMP reads once how its threads wait."""
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    cases = list(dict.fromkeys(item.callspec.params["case"] for item in here))
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path_factory.mktemp("data")), *cases]
    found = subprocess.run(
        command,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    results: dict[str, dict[str, Any]] = json.loads(found.stdout)
    return results


@pytest.mark.parametrize("case", CASES)
def test_the_model_does_not_depend_on_when_the_threads_changed(compared: dict[str, dict[str, Any]], case: str) -> None:
    found = compared[case]
    assert found["asked"] > 5 or case in ("logistic_regression", "ridge", "mlp"), "these ask once"
    assert found["equal"]
    assert found["importance_equal"]
    assert found["stop_losses_equal"]


@pytest.mark.parametrize("case", RESUMED)
def test_nor_does_a_model_that_is_resumed_with_changing_threads(compared: dict[str, dict[str, Any]], case: str) -> None:
    found = compared[case]
    assert len(found["resumed"]) == 3
    assert all(found["resumed"])
    assert all(found["resumed_importance"])
