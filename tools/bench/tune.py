"""Whether the sampler finds better parameters than chance at the same number of trials: `python -m tools.bench.tune`.

Figures for people, not a test. Both studies of a pair have the same seed, and score by cross-validation on data that
come with scikit-learn.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from tests.support.in_process_service import PREFIX, InProcessService

SEARCH: dict[str, Any] = {
    "/params/learning_rate": {"low": 0.005, "high": 0.5, "log": True},
    "/params/num_leaves": {"low": 2, "high": 128, "log": True},
    "/params/min_child_samples": {"low": 1, "high": 60, "log": True},
    "/params/reg_lambda": {"low": 1e-3, "high": 100.0, "log": True},
    "/params/colsample_bytree": {"low": 0.2, "high": 1.0},
}
TASKS = {"breast_cancer": "log_loss", "wine": "log_loss", "diabetes": "rmse"}


def best_score(
    service: InProcessService, dataset_id: int, sampler: str, seed: int, *, metric: str, trials: int
) -> float:
    """The best score of one study."""
    train = {"dataset_id": dataset_id, "model_type": "lightgbm", "target": {"column": "target"}}
    train |= {"validation": {"method": "cross_validation", "splits": 3}, "params": {"n_estimators": 30}}
    spec = {"job_type": "TUNE", "model_name": "bench", "train": train, "search": SEARCH, "metric": metric}
    spec |= {"sampler": sampler, "trials": trials, "generation": 4, "random_state": seed}
    answer = service.client.post(f"{PREFIX}/jobs", json=spec)
    assert answer.status_code == 202, answer.data
    service.work()
    job = service.get(f"/jobs/{answer.get_json()['id']}")
    return float(service.get(f"/studies/{job['result']['study_id']}")["best_score"])


def compare(directory: Path, *, seeds: int, trials: int) -> None:
    """Print for each data set how the pairs of studies end; each of these metrics is better when it is lower."""
    url = f"sqlite:///{directory / 'jobs.db'}"
    database = open_database(url)
    migrate(database)
    database.dispose()
    with InProcessService(directory / "data", url) as service:
        for name, metric in TASKS.items():
            answer = service.client.post(f"{PREFIX}/datasets", json={"name": name, "sample": name})
            assert answer.status_code == 201, answer.data
            service.work()
            found = {
                sampler: [
                    best_score(service, answer.get_json()["id"], sampler, seed, metric=metric, trials=trials)
                    for seed in range(seeds)
                ]
                for sampler in ("random", "tpe")
            }
            pairs = list(zip(found["random"], found["tpe"], strict=True))
            better, equal = sum(tpe < random for random, tpe in pairs), sum(tpe == random for random, tpe in pairs)
            means = {sampler: statistics.mean(scores) for sampler, scores in found.items()}
            sys.stdout.write(
                f"{name}: {metric} random {means['random']:.5g}, tpe {means['tpe']:.5g}; "
                f"tpe better in {better} of {seeds} pairs, equal in {equal}\n"
            )
            sys.stdout.flush()


def main() -> None:
    """Compare, with as many pairs and trials as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        compare(Path(directory), seeds=chosen.seeds, trials=chosen.trials)


if __name__ == "__main__":
    main()
