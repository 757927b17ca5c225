"""Fits one fold of a TRAIN job: reads its rows, fits a model on the training part, and predicts both parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import CELLS_IN_MEMORY, PARAMS
from ml_training.domain.states import TaskKind
from ml_training.inference.known_classes import known_classes, task_for, to_known_codes
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.plan import FeatureSchema, Fold, TrainPlan
from ml_training.selection.split import Positions
from ml_training.training.artifact import LoadedModel
from ml_training.training.balance import balanced
from ml_training.training.binned import NO_BINNED_CACHE, BinnedCache
from ml_training.training.calibration import calibrated
from ml_training.training.checkpoint import Checkpoint, CheckpointWriter, NoCheckpointWriter
from ml_training.training.cluster_fit import ClusterFit
from ml_training.training.cores import Cores, LimitedCores
from ml_training.training.curves import LearningCurve
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import Family, FitInputs, FitResult, LabelledRows
from ml_training.training.matrix import FeatureRows, Matrix, MatrixReader
from ml_training.training.score_intervals import Intervals, score_intervals
from ml_training.training.scored_rows import scored_positions
from ml_training.training.scores import Predictions, Scores, score
from ml_training.training.stage_costs import stage_shares
from ml_training.training.stage_progress import StageProgress
from ml_training.training.training_schema import training_schema

CELLS_PER_THREAD = 500_000  # with less work than this, another thread makes the fit slower


@dataclass(frozen=True, slots=True, eq=False)
class ScoredFold:
    """What is known of a fold once its model is gone: the models of twenty splits may not fit into memory together.

    train_scored: how many rows of the training part `train_scores` are those of; train_scores and on_held_out, the
    predictions for the held-out rows, are None when the fold has no held-out rows.
    """

    curve: LearningCurve
    train_scored: int
    train_scores: Scores | None
    on_held_out: Predictions | None
    train_intervals: Intervals | None = None  # of train_scores, when the fold is the only one


@dataclass(frozen=True, slots=True, eq=False)
class FittedFold:
    """The model of a fold, and what its rows say about it."""

    model: LoadedModel
    fitted: FitResult
    scored: ScoredFold


@dataclass(frozen=True, slots=True)
class FoldFitter:
    """Fits the folds of one job; raises Interrupted when asked to stop, JobFailed when the algorithm cannot learn."""

    plan: TrainPlan
    progress: StageProgress
    cores: Cores
    checkpoint_writer: CheckpointWriter | NoCheckpointWriter
    resume_from: Checkpoint | None
    binned: BinnedCache = NO_BINNED_CACHE
    cluster: ClusterFit | None = None

    @property
    def _family(self) -> Family:
        return FAMILIES[self.plan.spec.model_type]

    def fit(self, fold: Fold, *, split: int | None, until: float) -> FittedFold:
        """Fit one model and predict its rows.

        split: the number of the split, None for the fit whose model is stored; until: the share of the job that is
        done when this fold is done.
        """
        plan, model_type = self.plan, self.plan.spec.model_type
        start = self.progress.fraction
        sizes = {"train": len(fold.train), "held_out": len(fold.held_out), "calibrate": len(fold.calibrate)}
        expected = stage_shares(plan.spec, plan.features, **sizes)

        def at(share: float) -> float:
            return start + share * (until - start)

        self.progress.stage(f"reading {len(plan.features)} features", until=at(expected.read))
        schema = training_schema(plan, fold)
        reader = MatrixReader(plan.index, schema.features)
        train, held_out = self._features(reader, fold)
        cores = LimitedCores(self.cores, most=1 + train.size // CELLS_PER_THREAD)
        self.progress.stage(f"training {model_type}", until=at(expected.prepared), then=at(expected.fitted))
        known, scale = self.known(fold), self.scale(fold)
        metric = "log_loss" if plan.labels.task.is_classification else "rmse"
        curve = LearningCurve(metric, self.progress.reporter, unit=scale.scale, split=split)
        inputs = self.inputs(fold, schema.features, (train, held_out), known, scale, curve, cores)
        fitted = self._family.fit(inputs) if self.cluster is None else self._from_cluster(self.cluster, inputs, split)
        model = LoadedModel(schema, model_type, fitted.model, scale, known)
        if len(fold.calibrate):
            self.progress.stage("calibrating the probabilities", until=at(expected.calibrated))
            model = self._calibrated(model, fold, train, cores)
        if not len(held_out):
            return FittedFold(model, fitted, ScoredFold(curve, 0, None, None))
        scored = scored_positions(len(train), seed=plan.spec.random_state)
        rest = 1 - expected.calibrated
        share = expected.calibrated + rest * len(scored) / (len(scored) + len(held_out))
        self.progress.stage("scoring the training part", until=at(share))
        some = train if len(scored) == len(train) else train[scored]
        on_train = model.predict_matrix(some, cores=cores, progress=self.progress)
        train_scores = score(plan.labels.y[fold.train[scored]], on_train)
        seed = plan.spec.random_state
        intervals = score_intervals(plan.labels.y[fold.train[scored]], on_train, seed=seed) if split is None else None
        del on_train
        self.progress.stage("scoring the held-out part", until=until)
        on_held_out = model.predict_matrix(held_out, cores=cores, progress=self.progress)
        return FittedFold(model, fitted, ScoredFold(curve, len(scored), train_scores, on_held_out, intervals))

    def _calibrated(
        self, model: LoadedModel, fold: Fold, train: Matrix | FeatureRows, cores: LimitedCores
    ) -> LoadedModel:
        """The model with probabilities that fit the rows that were set aside for that."""
        y, method = self._model_labels(model.known_classes, model.scale), self.plan.spec.calibration
        rows = _of_known_classes(_subset(train, fold.train, fold.calibrate, y))
        if rows is None:
            return model  # the check of the job has found a row of each class
        return calibrated(model, rows.features, rows.y, method=method, cores=cores, progress=self.progress)

    def _from_cluster(self, cluster: ClusterFit, inputs: FitInputs, split: int | None) -> FitResult:
        """The model that the cluster has fitted on these rows, which it reads itself."""
        rounds = inputs.params.model_dump()["n_estimators"]
        payload = cluster(
            split,
            rows=len(inputs.fit.y),
            rounds=rounds,
            squared=inputs.task is TaskKind.REGRESSION,
            progress=self.progress,
            record=inputs.curve.record,
        )
        return FitResult(self._family.load(payload, inputs.task), iterations=rounds)

    def _features(self, reader: MatrixReader, fold: Fold) -> tuple[Matrix | FeatureRows, Matrix | FeatureRows]:
        """The training part and the held-out rows; not read yet where the family reads large data in parts."""
        train, held_out = (FeatureRows(reader, self.plan.labels.rows[rows]) for rows in (fold.train, fold.held_out))
        if self._family.reads_parts and train.size > CELLS_IN_MEMORY:
            return train, held_out
        return train.read(), held_out.read()

    def known(self, fold: Fold) -> tuple[int, ...]:
        """The classes that occur in the rows to learn from; () for regression."""
        labels = self.plan.labels
        return () if labels.classes is None else known_classes(labels.y[fold.fit], classes=len(labels.classes))

    def scale(self, fold: Fold) -> TargetScale:
        """The units in which a regression target is learnt."""
        if self.plan.labels.task is not TaskKind.REGRESSION:
            return TargetScale()
        return TargetScale.of(self.plan.labels.y[fold.train], standardise=self._family.standardise)

    def inputs(
        self,
        fold: Fold,
        features: Sequence[FeatureSchema],
        rows: tuple[Matrix | FeatureRows, Matrix | FeatureRows],
        known: tuple[int, ...],
        scale: TargetScale,
        curve: LearningCurve,
        cores: LimitedCores,
    ) -> FitInputs:
        """What a fit of this fold depends on; rows: the training part and the held-out rows."""
        spec = self.plan.spec
        y = self._model_labels(known, scale)
        train, held_out = rows
        fit, stop = (_subset(train, fold.train, part, y) for part in (fold.fit, fold.stop))
        inputs = FitInputs(
            task=task_for(self.plan.labels.task, known),
            classes=len(known),
            features=features,
            params=PARAMS[spec.model_type].model_validate(spec.params),
            fit=fit,
            stop=_of_known_classes(stop),  # a model has no meaningful loss for a class that it has not seen
            held_out=_of_known_classes(LabelledRows(held_out, y[fold.held_out])),
            early_stopping_rounds=spec.early_stopping_rounds,
            random_state=spec.random_state,
            cores=cores,
            progress=self.progress,
            curve=curve,
            checkpoint_writer=self.checkpoint_writer,
            resume_from=self.resume_from,
            binned=self.binned,
        )
        fit = balanced(fit, spec.class_balance, categories=inputs.categories, random_state=spec.random_state)
        return replace(inputs, fit=fit)

    def _model_labels(self, known: tuple[int, ...], scale: TargetScale) -> NDArray[Any]:
        """The labels in the units and codes of the model; -1 for a class that it does not know."""
        labels = self.plan.labels
        if labels.classes is None:
            return scale.to_model_units(labels.y)
        return to_known_codes(labels.y, known, classes=len(labels.classes))


def _subset(x: Matrix | FeatureRows, x_rows: Positions, rows: Positions, y: NDArray[Any]) -> LabelledRows:
    """Some `rows` of `x`, which holds the rows `x_rows`."""
    return LabelledRows(x if len(rows) == len(x_rows) else x[np.searchsorted(x_rows, rows)], y[rows])


def _of_known_classes(rows: LabelledRows) -> LabelledRows | None:
    """The rows whose class the model knows; None when there are none."""
    if rows.y.dtype.kind == "f" or not len(rows.y):
        return rows if len(rows.y) else None
    known = rows.y >= 0
    if known.all():
        return rows
    return LabelledRows(rows.features[known], rows.y[known]) if known.any() else None
