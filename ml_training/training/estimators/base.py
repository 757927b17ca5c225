"""What every family of algorithms takes and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import Params
from ml_training.domain.states import TaskKind
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import FeatureSchema
from ml_training.training.checkpoint import Checkpoint, Keeper, NoKeeper
from ml_training.training.curves import LearningCurve
from ml_training.training.matrix import Matrix
from ml_training.training.reporter import Progress


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows: the model matrix, and aligned with it class codes or numbers, and how much each row weighs."""

    x: Matrix
    y: NDArray[Any]
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitJob:
    """Everything that a fit depends on.

    fit: the rows to learn from; every class occurs in them. stop: the rows that end the training early, None without
    early stopping. held_out: looked at for the learning curve, never learnt from; None when no row is held out.
    resume: where to go on; only of a family and parameters that `can_resume`.
    """

    task: TaskKind
    classes: int  # 0 for regression
    features: Sequence[FeatureSchema]
    params: Params
    fit: Part
    stop: Part | None
    held_out: Part | None
    early_stopping_rounds: int | None
    random_state: int
    threads: int
    progress: Progress
    curve: LearningCurve
    keeper: Keeper | NoKeeper = field(default_factory=NoKeeper)
    resume: Checkpoint | None = None

    @property
    def watched(self) -> dict[str, Part]:
        """The rows whose loss the learning curve shows beside that of the rows fitted."""
        parts = {"held_out": self.held_out, "stop": self.stop}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def categories(self) -> list[int]:
        """The positions of the columns that hold category codes."""
        return [at for at, feature in enumerate(self.features) if feature.kind is ColumnKind.CATEGORY]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each feature matters, aligned with the features, and by which measure; `splits`: boosting only."""

    method: str  # gain, impurity or coefficient
    values: Sequence[float]
    splits: Sequence[int] | None = None


class Predictor(Protocol):
    """A fitted model in memory."""

    probabilistic: bool  # whether its class scores are probabilities

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """Regression: (rows,); classification: (rows, classes), the larger the likelier."""

    def dump(self) -> bytes:
        """The bytes to store; equal models give equal bytes."""

    def importance(self) -> Importance | None:
        """None when the algorithm has no measure of its own."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit's result: `iterations` that the model keeps, `best_iteration` when early stopping chose it."""

    model: Predictor
    iterations: int | None = None
    best_iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """How one model type is fitted and restored.

    standardise: a regression target is learnt in standard units. can_resume: whether a fit with these parameters that
    goes on from a checkpoint ends with the same model, bit for bit.
    """

    artifact_format: str
    fit: Callable[[FitJob], Fitted]
    load: Callable[[bytes, TaskKind], Predictor]
    standardise: bool = False
    can_resume: Callable[[Params], bool] = lambda _: False


class BestLoss:
    """Remembers the last iteration that was better by more than the tolerance, and how long ago that was."""

    def __init__(self, patience: int, *, tolerance: float = 0.0) -> None:
        self.best_iteration = 0
        self._lowest = float("inf")
        self._patience = patience
        self._tolerance = tolerance

    @property
    def state(self) -> tuple[int, float]:
        """The best iteration and the lowest loss, to go on with."""
        return self.best_iteration, self._lowest

    def go_on(self, state: tuple[int, float]) -> None:
        """Begin where an earlier attempt stood."""
        self.best_iteration, self._lowest = state

    def improved(self, iteration: int, loss: float) -> bool:
        """Whether this loss lies below the lowest one before it by more than the tolerance."""
        better = loss < self._lowest - self._tolerance or self.best_iteration == 0
        if better:
            self.best_iteration = iteration
        self._lowest = min(self._lowest, loss)
        return better

    def exhausted(self, iteration: int) -> bool:
        """Whether the last improvement lies `patience` iterations back."""
        return iteration - self.best_iteration >= self._patience
