"""The interface of every family of algorithms: what a fit takes and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import Params
from ml_training.domain.states import TaskKind
from ml_training.inference.fitted_model import MatrixPredictor
from ml_training.inference.schema import ClassLabel
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import FeatureSchema
from ml_training.training.binned import NO_BINNED_CACHE, BinnedCache
from ml_training.training.checkpoint import Checkpoint, CheckpointWriter, NoCheckpointWriter
from ml_training.training.cores import LimitedCores
from ml_training.training.curves import LearningCurve
from ml_training.training.matrix import FeatureRows, Matrix, as_matrix
from ml_training.training.stage_progress import StageProgress


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """Rows of a model matrix and, aligned with them, their labels (class codes or numbers) and weights."""

    features: Matrix | FeatureRows  # FeatureRows only for a family that `reads_parts`
    y: NDArray[Any]
    weights: NDArray[np.float64] | None = None

    @property
    def x(self) -> Matrix:
        """The matrix; read at each call when it is not in memory."""
        return as_matrix(self.features)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitInputs:
    """Everything that a fit depends on.

    fit: the rows to learn from; every class occurs in them. stop: the rows whose loss ends the training early, None
    without early stopping. held_out: used for the learning curve only; None when no row is held out.
    resume_from: the checkpoint to continue from; only for a family and parameters that `can_resume`.
    """

    task: TaskKind
    classes: int  # 0 for regression
    features: Sequence[FeatureSchema]
    params: Params
    fit: LabelledRows
    stop: LabelledRows | None
    held_out: LabelledRows | None
    early_stopping_rounds: int | None
    random_state: int
    cores: LimitedCores  # asked at each round or batch
    progress: StageProgress
    curve: LearningCurve
    checkpoint_writer: CheckpointWriter | NoCheckpointWriter = field(default_factory=NoCheckpointWriter)
    resume_from: Checkpoint | None = None
    binned: BinnedCache = NO_BINNED_CACHE  # for a family that `reads_parts`

    @property
    def evaluation_sets(self) -> dict[str, LabelledRows]:
        """The rows, by name, whose loss the learning curve shows beside that of the rows to learn from."""
        sets = {"held_out": self.held_out, "stop": self.stop}
        return {name: rows for name, rows in sets.items() if rows is not None}

    @property
    def categories(self) -> list[int]:
        """The positions of the columns that hold category codes."""
        return [at for at, feature in enumerate(self.features) if feature.kind is ColumnKind.CATEGORY]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each feature matters, in the order of the features; `splits`: how often trees use it, boosting only."""

    method: str  # gain, impurity or coefficient
    values: Sequence[float]
    splits: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class UserTerms:
    """What a model's numbers mean to a user; labels: of the classes that the model knows, in the order of its codes."""

    features: tuple[FeatureSchema, ...]
    labels: tuple[ClassLabel, ...]
    scale: TargetScale


class Predictor(MatrixPredictor, Protocol):
    """A fitted model in memory, which can be stored."""

    def dump(self, terms: UserTerms) -> bytes:
        """The bytes to store, which can be used without this project; equal models give equal bytes."""

    def importance(self) -> Importance | None:
        """None when the algorithm has no measure of its own."""


@runtime_checkable
class Contributor(Protocol):
    """A predictor whose raw score is a sum over the features."""

    def contributions(self, x: Matrix, *, threads: int) -> NDArray[np.float64]:
        """What each feature adds to the raw score of each row, and the base: (rows, raw scores * (features + 1)).

        The columns of a raw score are next to each other, the base last; their sum is the raw score.
        """


@dataclass(frozen=True, slots=True)
class FitResult:
    """The fitted model; iterations: how many it keeps; best_iteration: set when early stopping chose that number."""

    model: Predictor
    iterations: int | None = None
    best_iteration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCost:
    """Typical nanoseconds per cell (one row of one feature) on one thread; see `stage_costs`.

    prepare: until the first round; per_round: each round, tree, iteration or epoch; predict: predicting the rows.
    """

    prepare: float
    per_round: float
    predict: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How one model type is fitted and loaded.

    standardise: a regression target is learnt in standard units. can_resume: whether a fit with these parameters that
    resumes from a checkpoint ends with the same model, bit for bit. reads_parts: it reads large data part by part, so
    that no matrix of all rows is made.
    """

    artifact_format: str
    fit: Callable[[FitInputs], FitResult]
    load: Callable[[bytes, TaskKind], Predictor]
    cost: FitCost
    standardise: bool = False
    can_resume: Callable[[Params], bool] = lambda _: False
    reads_parts: bool = False


class BestLoss:
    """Remembers the last iteration that improved the loss by more than the tolerance.

    Early stopping with patience: Prechelt, "Early stopping - but when?", in "Neural Networks: Tricks of the Trade",
    1998.
    """

    def __init__(self, patience: int, *, tolerance: float = 0.0) -> None:
        self.best_iteration = 0
        self._lowest = float("inf")
        self._patience = patience
        self._tolerance = tolerance

    @property
    def state(self) -> tuple[int, float]:
        """The best iteration and the lowest loss, for `resume`."""
        return self.best_iteration, self._lowest

    def resume(self, state: tuple[int, float]) -> None:
        """Continue from the state of an earlier attempt."""
        self.best_iteration, self._lowest = state

    def improved(self, iteration: int, loss: float) -> bool:
        """Record a loss; True when it is below the lowest one so far by more than the tolerance."""
        better = loss < self._lowest - self._tolerance or self.best_iteration == 0
        if better:
            self.best_iteration = iteration
        self._lowest = min(self._lowest, loss)
        return better

    def exhausted(self, iteration: int) -> bool:
        """Whether the last improvement is `patience` iterations ago."""
        return iteration - self.best_iteration >= self._patience
