"""Small data sets with everything that real ones have, jobs for them, and a reporter that remembers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, ModelType
from ml_training.domain.errors import StopReason
from ml_training.domain.specs import TrainSpec, parse_spec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.binned import NO_BINNED_CACHE, BinnedCache
from ml_training.training.cores import Cores, FixedCores
from ml_training.training.reporter import TrainingReporter

SMALL: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 15, "min_child_samples": 5},
    "xgboost": {"n_estimators": 15, "max_depth": 4},
    "random_forest": {"n_estimators": 15, "max_depth": 8},
    "extra_trees": {"n_estimators": 15, "max_depth": 8},
    "hist_gradient_boosting": {"n_estimators": 15, "min_samples_leaf": 5},
    "logistic_regression": {},
    "ridge": {},
    "mlp": {"max_iter": 40, "hidden_layer_sizes": [16], "batch_size": 32, "learning_rate_init": 0.01},
}
MODEL_CASES = [  # every model type with every task that it can do
    (model_type.value, task)
    for model_type in ModelType
    for task in TaskKind
    if task.is_classification or model_type not in CLASSIFICATION_ONLY
]
COLOURS = ("bleu", "grün", "rot", "赤", "🟣")


class Recorder:
    """Remembers everything, and says stop at the n-th question."""

    def __init__(self, *, stop_at: int | None = None, keeps: bool = False) -> None:
        self.keeps = keeps
        self.checkpoints: dict[int, bytes] = {}
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self.etas: list[float | None] = []
        self.iterations: list[tuple[int, dict[str, float]]] = []
        self.lines: list[str] = []
        self.features_count: int | None = None
        self.questions = 0
        self._stop_at = stop_at

    def progress(self, fraction: float, message: str, *, eta_seconds: float | None) -> None:
        self.fractions.append(fraction)
        self.messages.append(message)
        self.etas.append(eta_seconds)

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        self.iterations.append((iteration, dict(values)))

    def log(self, line: str) -> None:
        self.lines.append(line)

    def features(self, count: int) -> None:
        self.features_count = count

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        return self.keeps and affordable

    def keep_checkpoint(self, data: bytes, *, done: int) -> None:
        self.checkpoints[done] = data

    def should_stop(self) -> StopReason | None:
        self.questions += 1
        return StopReason.CANCEL if self._stop_at is not None and self.questions >= self._stop_at else None


class ChangingCores:
    """Grants one thread and two in turn, each time it is asked; remembers what it granted."""

    def __init__(self) -> None:
        self.granted_so_far: list[int] = []

    def granted(self) -> int:
        self.granted_so_far.append(1 + len(self.granted_so_far) % 2)
        return self.granted_so_far[-1]


def number(name: str, values: Any) -> IndexColumn:
    return IndexColumn(name, ColumnKind.NUMBER, np.asarray(values, dtype=np.float64))


def integer(name: str, values: Any) -> IndexColumn:
    return IndexColumn(name, ColumnKind.INTEGER, np.asarray(values, dtype=np.int64))


def boolean(name: str, values: Any) -> IndexColumn:
    return IndexColumn(name, ColumnKind.BOOLEAN, np.asarray(values, dtype=np.int8))


def category(name: str, texts: Any) -> IndexColumn:
    """None is missing."""
    known = tuple(sorted({text for text in texts if text is not None}))
    codes = {text: code for code, text in enumerate(known)}
    return IndexColumn(name, ColumnKind.CATEGORY, np.array([codes.get(text, -1) for text in texts], np.int32), known)


def table(directory: Path, *columns: IndexColumn) -> SelectionIndex:
    """An index of the columns in a new directory below `directory`."""
    values = columns[0].values
    assert values is not None
    place = directory / f"index-{len(list(directory.iterdir()))}"
    place.mkdir(parents=True)
    return write_index(place, columns, rows=len(values))


def mixed(directory: Path, task: TaskKind, *, rows: int = 400, seed: int = 7) -> SelectionIndex:
    """Numbers, integers, booleans and categories (few and many), all but the integers with missing values."""
    random = np.random.default_rng(seed)
    size = random.normal(size=rows)
    age = random.integers(18, 90, rows)
    member = random.integers(0, 2, rows)
    colour = random.integers(0, len(COLOURS), rows)
    town = random.integers(0, 70, rows)
    effect = 2 * size + age / 20 + member + colour + (town % 3) + random.normal(scale=0.3, size=rows)
    gone = random.random((4, rows)) < 0.08
    return table(
        directory,
        number("size", np.where(gone[0], np.nan, size)),
        integer("age", age),
        boolean("member", np.where(gone[1], -1, member)),
        category("colour", [None if lost else COLOURS[code] for lost, code in zip(gone[2], colour, strict=True)]),
        category("town", [None if lost else f"town {code}" for lost, code in zip(gone[3], town, strict=True)]),
        _target(effect, task),
    )


def _target(effect: np.ndarray[Any, Any], task: TaskKind) -> IndexColumn:
    if task is TaskKind.REGRESSION:
        return number("y", 100 + 10 * effect)
    classes = 2 if task is TaskKind.BINARY else 4
    ranks = np.argsort(np.argsort(effect))
    return category("y", [f"Klasse {rank * classes // len(effect)}" for rank in ranks])


def job(model_type: str, **fields: Any) -> TrainSpec:
    """A TRAIN spec for the target "y", small unless `params` says otherwise."""
    body = {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": model_type,
        "dataset_id": 1,
        "target": {"column": "y"},
        "params": SMALL[model_type],
    }
    spec, errors = parse_spec(body | fields, max_runtime_seconds=3_600)
    assert isinstance(spec, TrainSpec), errors
    return spec


def trained(
    spec: TrainSpec,
    index: SelectionIndex,
    *,
    reporter: TrainingReporter | None = None,
    threads: int = 1,
    cores: Cores | None = None,
    checkpoint: bytes | None = None,
    binned: BinnedCache = NO_BINNED_CACHE,
) -> engine.TrainedModel:
    """What the engine makes of the job."""
    plan = plan_train(spec, index)
    reporter, cores = reporter or Recorder(), cores or FixedCores(threads)
    return engine.train(plan, reporter=reporter, cores=cores, checkpoint=checkpoint, binned=binned)
