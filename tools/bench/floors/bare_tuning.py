"""A search for parameters with nothing but the libraries: Optuna, LightGBM, and as many processes as cores.

`python -m tools.bench.floors.bare_tuning FILE PROCESSES TRIALS` prints the best area under the ROC curve. The processes
share the study through a journal file, as Optuna's documentation advises for one machine.
"""

import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any

ROUNDS = 50


def suggest(trial: Any) -> dict[str, Any]:
    """The search space of `stories/study.py`."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 7, 63, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 100),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.001, 10.0, log=True),
    }


def run_trials(path: Path, journal: Path, number: int, trials: int) -> float:
    """Run some of the trials in this process; the best score of the study so far."""
    import lightgbm
    import optuna
    import pyarrow.parquet
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = pyarrow.parquet.read_table(path).to_pandas()
    parts = train_test_split(frame.drop(columns="target"), frame["target"], test_size=0.2, random_state=42)
    x, held_out, y, held_out_y = parts

    def objective(trial: optuna.Trial) -> float:
        params = {"objective": "binary", "num_threads": 1, "verbosity": -1, **suggest(trial)}
        booster = lightgbm.train(params, lightgbm.Dataset(x, label=y), num_boost_round=ROUNDS)
        return float(roc_auc_score(held_out_y, booster.predict(held_out, num_threads=1)))

    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        sampler=optuna.samplers.TPESampler(seed=number),
        study_name="bare",
        direction="maximize",
        load_if_exists=True,
    )
    study.optimize(objective, n_trials=trials)
    return float(study.best_value)


def main() -> None:
    """Search, print."""
    path, processes, trials = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as directory:
        shares = [(path, Path(directory) / "journal", number, trials // processes) for number in range(processes)]
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            print(max(pool.starmap(run_trials, shares)))  # noqa: T201 - the answer of this program


if __name__ == "__main__":
    main()
