"""The engine's door: train a model, test one, compare some; nothing is kept between calls."""

from dataclasses import dataclass

import numpy as np

from ml_training.domain.algorithms import PARAMS
from ml_training.domain.specs import TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import ModelSchema, TrainPlan, early_stopping_cut
from ml_training.training.artifact import LoadedModel, load_model, pack
from ml_training.training.curves import LearningCurve
from ml_training.training.details import model_details, versions
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import FitJob, Part
from ml_training.training.evaluation import compare, test
from ml_training.training.matrix import Matrix, model_matrix
from ml_training.training.outcome import ComparisonOutcome, TestOutcome, TrainedModel
from ml_training.training.reporter import Progress, Reporter
from ml_training.training.schema import training_schema
from ml_training.training.scores import score
from ml_training.training.target import TargetScale
from ml_training.training.warm import warm_up
from ml_training.training.warnings_log import warnings_logged

__all__ = [
    "ComparisonOutcome",
    "LoadedModel",
    "TestOutcome",
    "TrainedModel",
    "compare",
    "load_model",
    "test",
    "train",
    "warm_up",
]

READ, FITTED, SCORED = 0.05, 0.9, 0.97  # the share of the job that is done after each stage
CELLS_A_THREAD = 500_000  # with less to do than this, another thread costs more than it brings


def train(spec: TrainSpec, index: SelectionIndex, *, plan: TrainPlan, reporter: Reporter, threads: int) -> TrainedModel:
    """Fit, score and pack one model; `plan` is `plan_train(spec, index)`.

    Equal spec, data, versions and seed give equal artifact bytes, with any number of threads. Raises Interrupted when
    the reporter says stop, JobFailed when the spec cannot succeed on this data; any other exception is a crash.
    """
    progress = Progress(reporter)
    reporter.features(len(plan.features))
    with warnings_logged(reporter):
        progress.stage(f"reading {len(plan.features)} features of {len(plan.rows)} rows", until=READ)
        schema = training_schema(plan, index, target_column=spec.target.column)
        data = _read(spec, index, plan=plan, schema=schema)
        threads = min(threads, 1 + data.train.size // CELLS_A_THREAD)
        curve = LearningCurve(_curve_metric(plan.task), reporter, unit=data.scale.scale)
        progress.stage(f"training {spec.model_type}", until=FITTED)
        fitted = FAMILIES[spec.model_type].fit(_fit_job(spec, plan, schema, data, progress, curve, threads))
        model = LoadedModel(schema, spec.model_type, fitted.model, data.scale)
        progress.stage("scoring", until=SCORED)
        on_train = model.predict_matrix(data.train, threads=threads, progress=progress)
        on_held_out = model.predict_matrix(data.held_out, threads=threads, progress=progress)
        y_held_out = plan.y[plan.held_out]
        scores = {"train": score(plan.y[plan.train], on_train), "held_out": score(y_held_out, on_held_out)}
        details = model_details(plan, schema, fitted=fitted, curve=curve, held_out=on_held_out)
        progress.stage("packing", until=1.0)
        artifact = pack(model)
    progress.finish("trained")
    return TrainedModel(
        artifact=artifact,
        artifact_format=FAMILIES[spec.model_type].artifact_format,
        schema=schema.to_json(),
        scores=scores,
        details=details,
        lineage={"versions": versions(), "random_state": spec.random_state},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """The model matrices of both parts, and the scale on which the target is learnt."""

    train: Matrix
    held_out: Matrix
    scale: TargetScale


def _read(spec: TrainSpec, index: SelectionIndex, *, plan: TrainPlan, schema: ModelSchema) -> _Data:
    scale = TargetScale()
    if plan.task is TaskKind.REGRESSION:
        scale = TargetScale.of(plan.y[plan.train], standardise=FAMILIES[spec.model_type].standardise)
    train, held_out = (model_matrix(index, schema.features, plan.rows[part]) for part in (plan.train, plan.held_out))
    return _Data(train, held_out, scale)


def _fit_job(
    spec: TrainSpec,
    plan: TrainPlan,
    schema: ModelSchema,
    data: _Data,
    progress: Progress,
    curve: LearningCurve,
    threads: int,
) -> FitJob:
    y = plan.y if plan.task.is_classification else data.scale.learnt(plan.y)
    fit, stop = Part(data.train, y[plan.train]), None
    if spec.early_stopping_rounds is not None:
        cut = early_stopping_cut(plan, random_state=spec.random_state)
        fit, stop = (Part(data.train[np.searchsorted(plan.train, rows)], y[rows]) for rows in cut)
    return FitJob(
        task=plan.task,
        classes=len(plan.classes or ()),
        features=schema.features,
        params=PARAMS[spec.model_type].model_validate(spec.params),
        fit=fit,
        stop=stop,
        held_out=Part(data.held_out, y[plan.held_out]),
        early_stopping_rounds=spec.early_stopping_rounds,
        random_state=spec.random_state,
        threads=threads,
        progress=progress,
        curve=curve,
    )


def _curve_metric(task: TaskKind) -> str:
    return "log_loss" if task.is_classification else "rmse"
