"""How long each stage of a training takes per cell: `python -m tools.bench.stages`; the source of `Family.cost`.

A cell is a row of a feature. Figures for people; the machine should be quiet. One thread, 60,000 rows, 20 features.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml_training.domain.algorithms import ModelType
from ml_training.domain.specs import TrainSpec, parse_spec
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.reporter import SilentReporter

ROWS, FEATURES = 60_000, 20
ROUNDS = {"ridge": 1, "logistic_regression": 30, "mlp": 4, "random_forest": 10, "extra_trees": 10}


class Clock(SilentReporter):
    """Notes when each message was first seen, by its first word."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        """See TrainingReporter."""
        self.seen.setdefault(" ".join(message.split()[:3]), time.perf_counter())
        self.seen.setdefault(message.split()[0], time.perf_counter())

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        """See TrainingReporter."""
        self.seen.setdefault("first round", time.perf_counter())


def data(directory: Path) -> SelectionIndex:
    """Noise with a little signal, a minute a row."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, FEATURES))
    y = (x[:, 0] + random.normal(size=ROWS) > 0).astype("<i8")
    columns = [IndexColumn(f"x{at}", ColumnKind.NUMBER, np.ascontiguousarray(x[:, at])) for at in range(FEATURES)]
    when = IndexColumn("when", ColumnKind.TIME, np.arange(ROWS, dtype="<i8") * 60_000_000)
    return write_index(
        directory, [when, *columns, IndexColumn("y", ColumnKind.INTEGER, y)], rows=ROWS, time_column="when"
    )


def spec_of(model_type: ModelType, **fields: Any) -> TrainSpec:
    """A job of this type."""
    rounds = ROUNDS.get(model_type.value, 40)
    named = "max_iter" if model_type.value in ("mlp", "logistic_regression") else "n_estimators"
    params = {} if model_type is ModelType.RIDGE else {named: rounds}
    body = {
        "job_type": "TRAIN",
        "model_name": "bench",
        "model_type": model_type.value,
        "dataset_id": 1,
        "target": {"column": "y"},
        "params": params,
        **fields,
    }
    spec, errors = parse_spec(body, max_runtime_seconds=3_600)
    assert isinstance(spec, TrainSpec), errors
    return spec


def measure(index: SelectionIndex, spec: TrainSpec, name: str) -> None:
    """One line: nanoseconds a cell."""
    plan, clock = plan_train(spec, index), Clock()
    engine.train(plan, reporter=clock, cores=FixedCores(1))
    seen, cells = clock.seen, len(plan.features) * ROWS / 1e9
    rounds = ROUNDS.get(spec.model_type.value, 40)
    reading, fitting = seen["reading"], seen["training"]
    scoring, packing = seen["scoring the training"], seen["packing"]
    first = min((seen[word] for word in ("first round", "round", "tree", "iteration") if word in seen), default=fitting)
    sys.stdout.write(
        f"{name:24} read {(fitting - reading) / cells:7.1f}  to the first round {(first - fitting) / cells:7.1f}  "
        f"a round {(scoring - first) / max(1, rounds - 1) / cells:7.2f}  score {(packing - scoring) / cells:7.1f}\n"
    )


def main() -> None:
    """Every model type, and one with windows."""
    engine.warm_up()
    with tempfile.TemporaryDirectory() as directory:
        index = data(Path(directory))
        for model_type in ModelType:
            measure(index, spec_of(model_type), model_type.value)
        windows = spec_of(ModelType.LIGHTGBM, feature_engineering={"windows": [5, 10, 15]})
        measure(index, windows, "lightgbm, windows")


if __name__ == "__main__":
    main()
