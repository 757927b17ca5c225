"""Training with nothing but the libraries.

`python -m tools.bench.floors.bare_training ALGORITHM SOURCE THREADS FILE` trains once in a fresh process and prints the
seconds of each stage, the peak of the resident memory and the accuracy on a fifth of the rows.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

ROUNDS, TREES = 10, 100
SOURCES = ("csv-pandas", "csv-polars", "parquet")


def write_small_data(directory: Path) -> None:
    """breast_cancer as two arrays, and the folder for the models."""
    numpy, sklearn = importlib.import_module("numpy"), importlib.import_module("sklearn.datasets")
    x, y = sklearn.load_breast_cancer(return_X_y=True)
    numpy.save(directory / "x.npy", x)
    numpy.save(directory / "y.npy", y)
    (directory / "models").mkdir()


def train_small(directory: Path, name: str, learning_rate: float) -> float:
    """LightGBM with 10 rounds on four fifths of the rows of `write_small_data`; saves it; the held-out accuracy."""
    lightgbm, numpy = importlib.import_module("lightgbm"), importlib.import_module("numpy")
    x, y = numpy.load(directory / "x.npy"), numpy.load(directory / "y.npy")
    order = numpy.random.default_rng(42).permutation(len(y))
    fit, held_out = order[len(y) // 5 :], order[: len(y) // 5]
    params = {"objective": "binary", "learning_rate": learning_rate, "num_threads": 1, "verbosity": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(x[fit], label=y[fit]), num_boost_round=ROUNDS)
    accuracy = float(((booster.predict(x[held_out], num_threads=1) > 0.5) == y[held_out]).mean())
    booster.save_model(directory / "models" / f"{name}.txt")
    return accuracy


def read(source: str, path: Path) -> tuple[Any, Any]:
    """Features and the column `target`: float64 from CSV, as its reader gives them, float32 from Parquet."""
    if source == "csv-polars":
        table = importlib.import_module("polars").read_csv(path)
        return table.drop("target").to_numpy(), table["target"].to_numpy()
    if source == "csv-pandas":
        frame = importlib.import_module("pandas").read_csv(path)
        return frame.drop(columns="target").to_numpy(), frame["target"].to_numpy()
    numpy, parquet = importlib.import_module("numpy"), importlib.import_module("pyarrow.parquet")
    table = parquet.read_table(path)
    y = table["target"].to_numpy()
    return numpy.column_stack([table[name].to_numpy() for name in table.column_names if name != "target"]), y


def fit_and_predict(algorithm: str, parts: Any, threads: int) -> Any:
    """The predicted probabilities of the held-out rows."""
    x, held_out, y, _ = parts
    if algorithm == "lightgbm":
        lightgbm = importlib.import_module("lightgbm")
        params = {"objective": "binary", "num_threads": threads, "verbosity": -1}
        booster = lightgbm.train(params, lightgbm.Dataset(x, label=y), num_boost_round=TREES)
        return booster.predict(held_out, num_threads=threads)
    if algorithm == "random_forest":
        ensemble = importlib.import_module("sklearn.ensemble")
        model = ensemble.RandomForestClassifier(n_estimators=TREES, n_jobs=threads, random_state=42)
    else:
        linear, pipeline = importlib.import_module("sklearn.linear_model"), importlib.import_module("sklearn.pipeline")
        scaler = importlib.import_module("sklearn.preprocessing").StandardScaler()
        model = pipeline.make_pipeline(scaler, linear.LogisticRegression(max_iter=1_000))
    limits = importlib.import_module("threadpoolctl").threadpool_limits(limits=threads)
    with limits:
        return model.fit(x, y).predict_proba(held_out)[:, 1]


def train_large(algorithm: str, source: str, threads: int, path: Path) -> dict[str, float]:
    """Train once; seconds of the stages, peak memory in MB, ROC AUC."""
    started = time.perf_counter()
    metrics = importlib.import_module("sklearn.metrics")
    selection = importlib.import_module("sklearn.model_selection")
    importlib.import_module("lightgbm" if algorithm == "lightgbm" else "sklearn.ensemble")
    importlib.import_module({"csv-pandas": "pandas", "csv-polars": "polars"}.get(source, "pyarrow.parquet"))
    imported = time.perf_counter()
    x, y = read(source, path)
    was_read = time.perf_counter()
    parts = selection.train_test_split(x, y, test_size=0.2, random_state=42, stratify=y)
    del x
    auc = float(metrics.roc_auc_score(parts[3], fit_and_predict(algorithm, parts, threads)))
    ended = time.perf_counter()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return {
        "import": imported - started,
        "read": was_read - imported,
        "train": ended - was_read,
        "peak_mb": int(peak.split()[1]) * 1024 / 1e6,
        "auc": auc,
    }


def main() -> None:
    """Train, print."""
    algorithm, source, threads, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    sys.stdout.write(json.dumps(train_large(algorithm, source, threads, path)))


if __name__ == "__main__":
    main()
