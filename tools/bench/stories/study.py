"""A study of 1,000 trials, against a plain Optuna script with as many processes as the service has slots."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.bench.figures import MeasurementError, Row, at_most, median, ratio, spread
from tools.bench.floors.bare_tuning import ROUNDS
from tools.bench.floors.running import ROOT
from tools.bench.generated import write_csv, write_parquet
from tools.bench.http_client import Connection
from tools.bench.service import running_service, train, train_spec, upload_dataset, wait_until_completed
from tools.bench.stories.base import Run, Story

PROCESSES = 2
SEARCH = {  # as in `floors/bare_tuning.py`
    "/params/learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "/params/num_leaves": {"low": 7, "high": 63, "log": True},
    "/params/min_child_samples": {"low": 5, "high": 100},
    "/params/colsample_bytree": {"low": 0.5, "high": 1.0},
    "/params/reg_lambda": {"low": 0.001, "high": 10.0, "log": True},
}


def measure(run: Run) -> Sequence[Row]:
    """Each round asks the service and the script in turn; the service gets another seed each time."""
    rows, trials, rounds = run.size(10_000, 2_000), run.size(1_000, 50), run.size(2, 1)
    csv = write_csv(run.directory / "data.csv", rows=rows, seed=1)
    parquet = write_parquet(run.directory / "data.parquet", rows=rows, seed=1)
    ours, bare = list[float](), list[float]()
    with running_service(run.checkout, run.directory / "service", worker_concurrency=PROCESSES) as service:
        http, dataset_id = service.connect(), upload_dataset(service, csv)
        train(http, train_spec(dataset_id, n_estimators=ROUNDS))
        for number in range(rounds):
            with run.timing():
                ours.append(_study(http, dataset_id, trials, seed=number))
                bare.append(_script(parquet, trials))
            run.say(f"study {ours[-1]:.1f} s, bare {bare[-1]:.1f} s")
    return [
        Row(f"{trials:,} trials / plain Optuna script", ratio(ours, bare), target=at_most(1.6)),
        Row(f"{trials:,} trials and the model of the best one", median(ours), "s", spread=spread(ours)),
        Row("plain Optuna script", median(bare), "s", spread=spread(bare)),
    ]


def _study(http: Connection, dataset_id: int, trials: int, *, seed: int) -> float:
    """Seconds from the submission of the study to its end."""
    started = time.perf_counter()
    job = http.post(
        "/jobs",
        {
            "job_type": "TUNE",
            "model_name": "bench",
            "train": {
                "model_type": "lightgbm",
                "dataset_id": dataset_id,
                "target": {"column": "target"},
                "params": {"n_estimators": ROUNDS},
            },
            "search": SEARCH,
            "sampler": "tpe",
            "metric": "roc_auc",
            "trials": trials,
            "generation": 10,
            "random_state": seed,
        },
    )
    wait_until_completed(http, job["id"])
    return time.perf_counter() - started


def _script(path: Path, trials: int) -> float:
    """Seconds of the script, its imports included; raises MeasurementError when it fails."""
    command = [sys.executable, "-m", "tools.bench.floors.bare_tuning", str(path), str(PROCESSES), str(trials)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasurementError(f"the bare script failed: {done.stderr[-2000:]}")
    return time.perf_counter() - started


STORY = Story(
    "study",
    "A study of 1,000 trials",
    f"10,000 x 30, LightGBM with {ROUNDS} rounds, five parameters, TPE, generations of 10, two slots; SQLite. The "
    "service also computes every score of each trial and trains the model of the best one. Floor: a plain Optuna "
    "script with two processes that share a journal file and compute one score, its imports included.",
    measure,
)
