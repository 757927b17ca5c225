"""One fold of a TRAIN job: read its rows, fit a model on the training part, ask it about both parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import PARAMS
from ml_training.domain.specs import TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import FeatureSchema, Fold, TrainPlan
from ml_training.selection.split import Positions
from ml_training.training.artifact import LoadedModel
from ml_training.training.balance import balanced
from ml_training.training.checkpoint import Checkpoint, Keeper, NoKeeper
from ml_training.training.costs import shares
from ml_training.training.curves import LearningCurve
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import FitJob, Fitted, Part
from ml_training.training.estimators.known import known_classes, recoded, task_of
from ml_training.training.matrix import Matrix, MatrixReader
from ml_training.training.reporter import Progress
from ml_training.training.schema import training_schema
from ml_training.training.scores import Predicted
from ml_training.training.target import TargetScale

CELLS_A_THREAD = 500_000  # with less to do than this, another thread costs more than it brings


@dataclass(frozen=True, slots=True, eq=False)
class FittedFold:
    """A fold's model, and what it says of its training part and its held-out rows; nothing when it has none."""

    model: LoadedModel
    fitted: Fitted
    curve: LearningCurve
    on_train: Predicted | None
    on_held_out: Predicted | None


@dataclass(frozen=True, slots=True)
class FoldFitter:
    """Fits the folds of one job; raises Interrupted when asked to stop, JobFailed when data defeat the algorithm."""

    spec: TrainSpec
    index: SelectionIndex
    plan: TrainPlan
    progress: Progress
    threads: int
    keeper: Keeper | NoKeeper
    resume: Checkpoint | None

    def fit(self, fold: Fold, *, split: int | None, until: float) -> FittedFold:
        """Fit one model and ask it about its rows.

        split: its number, None for the fit whose model is stored; until: the share of the job that is done then.
        """
        start = self.progress.fraction
        expected = shares(self.spec, self.plan.features, train=len(fold.train), held_out=len(fold.held_out))

        def at(share: float) -> float:
            return start + share * (until - start)

        self.progress.stage(f"reading {len(self.plan.features)} features", until=at(expected.read))
        schema = training_schema(self.plan, self.index, target=self.spec.target, fold=fold)
        reader = MatrixReader(self.index, schema.features)
        train, held_out = (reader.read(self.plan.rows[rows]) for rows in (fold.train, fold.held_out))
        threads = min(self.threads, 1 + train.size // CELLS_A_THREAD)
        self.progress.stage(f"training {self.spec.model_type}", until=at(expected.prepared), then=at(expected.fitted))
        known, scale = self._known(fold), self._scale(fold)
        metric = "log_loss" if self.plan.task.is_classification else "rmse"
        curve = LearningCurve(metric, self.progress.reporter, unit=scale.scale, split=split)
        job = self._job(fold, schema.features, (train, held_out), known, scale, curve, threads)
        fitted = FAMILIES[self.spec.model_type].fit(job)
        model = LoadedModel(schema, self.spec.model_type, fitted.model, scale, known)
        if not len(held_out):
            return FittedFold(model, fitted, curve, None, None)
        rest = 1 - expected.fitted
        share = expected.fitted + rest * len(train) / (len(train) + len(held_out))
        self.progress.stage("scoring the training part", until=at(share))
        on_train = model.predict_matrix(train, threads=threads, progress=self.progress)
        self.progress.stage("scoring the held-out part", until=until)
        on_held_out = model.predict_matrix(held_out, threads=threads, progress=self.progress)
        return FittedFold(model, fitted, curve, on_train, on_held_out)

    def _known(self, fold: Fold) -> tuple[int, ...]:
        """The classes that occur in the rows to learn from; () for regression."""
        if self.plan.classes is None:
            return ()
        return known_classes(self.plan.y[fold.fit], classes=len(self.plan.classes))

    def _scale(self, fold: Fold) -> TargetScale:
        if self.plan.task is not TaskKind.REGRESSION:
            return TargetScale()
        standardise = FAMILIES[self.spec.model_type].standardise
        return TargetScale.of(self.plan.y[fold.train], standardise=standardise)

    def _job(
        self,
        fold: Fold,
        features: Sequence[FeatureSchema],
        matrices: tuple[Matrix, Matrix],
        known: tuple[int, ...],
        scale: TargetScale,
        curve: LearningCurve,
        threads: int,
    ) -> FitJob:
        y = self._learnt(known, scale)
        train, held_out = matrices
        fit, stop = (_taken(train, fold.train, rows, y) for rows in (fold.fit, fold.stop))
        job = FitJob(
            task=task_of(self.plan.task, known),
            classes=len(known),
            features=features,
            params=PARAMS[self.spec.model_type].model_validate(self.spec.params),
            fit=fit,
            stop=_seen(stop),  # the loss of a class that was never seen says nothing
            held_out=_seen(Part(held_out, y[fold.held_out])),
            early_stopping_rounds=self.spec.early_stopping_rounds,
            random_state=self.spec.random_state,
            threads=threads,
            progress=self.progress,
            curve=curve,
            keeper=self.keeper,
            resume=self.resume,
        )
        how, seed = self.spec.class_balance, self.spec.random_state
        return replace(job, fit=balanced(fit, how, categories=job.categories, random_state=seed))

    def _learnt(self, known: tuple[int, ...], scale: TargetScale) -> NDArray[Any]:
        """The labels in the units and codes of the model; -1 for a class that it does not know."""
        if self.plan.classes is None:
            return scale.learnt(self.plan.y)
        return recoded(self.plan.y, known, classes=len(self.plan.classes))


def _taken(x: Matrix, of: Positions, rows: Positions, y: NDArray[Any]) -> Part:
    """The part `rows` of the rows `of` that `x` was read from."""
    return Part(x if len(rows) == len(of) else x[np.searchsorted(of, rows)], y[rows])


def _seen(part: Part) -> Part | None:
    """The rows whose class is known to the model; None when there are none."""
    if part.y.dtype.kind == "f" or not len(part.y):
        return part if len(part.y) else None
    seen = part.y >= 0
    if seen.all():
        return part
    return Part(part.x[seen], part.y[seen]) if seen.any() else None
