"""The engine's door: train a model, test one, compare some; pure functions of their arguments."""

import platform
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np

from ml_training.domain.algorithms import PARAMS
from ml_training.domain.specs import TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import ModelSchema, Positions, TrainPlan, early_stopping_cut
from ml_training.training.artifact import ROWS_AT_ONCE, LoadedModel, load_model, pack
from ml_training.training.curves import LearningCurve, classification_curves
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import Fitted, FitJob, Part
from ml_training.training.evaluation import compare, confusion_details, test
from ml_training.training.matrix import Matrix, model_matrix
from ml_training.training.outcome import TrainedModel
from ml_training.training.reporter import Progress, Reporter, slices
from ml_training.training.schema import training_schema
from ml_training.training.scores import Predicted, score
from ml_training.training.target import TargetScale

__all__ = ["LoadedModel", "TrainedModel", "compare", "load_model", "test", "train"]

READ, FITTED, SCORED = 0.05, 0.9, 0.97  # the share of the job that is done after each stage
LIBRARIES = {"numpy": "numpy", "scikit_learn": "scikit-learn", "lightgbm": "lightgbm", "skops": "skops"}
WARNINGS_SHOWN = 20


def train(
    spec: TrainSpec, index: SelectionIndex, *, plan: TrainPlan, reporter: Reporter, threads: int
) -> TrainedModel:
    """Fit, score and pack one model; `plan` is `plan_train(spec, index)`.

    Equal spec, data, versions and seed give equal artifact bytes, with any number of threads. Raises Interrupted when
    the reporter says stop, JobFailed when the spec cannot succeed on this data; any other exception is a crash.
    """
    progress = Progress(reporter)
    reporter.features(len(plan.features))
    progress.stage(f"reading {len(plan.features)} features of {len(plan.rows)} rows", until=READ)
    schema = training_schema(plan, index, target_column=spec.target.column)
    with _warnings_logged(progress):
        return _Training(spec, index, plan, schema, progress, threads).run()


class _Training:
    """The stages of one TRAIN job."""

    def __init__(
        self,
        spec: TrainSpec,
        index: SelectionIndex,
        plan: TrainPlan,
        schema: ModelSchema,
        progress: Progress,
        threads: int,
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._schema = schema
        self._progress = progress
        self._threads = threads
        self._train = model_matrix(index, schema.features, plan.rows[plan.train])
        self._held_out = model_matrix(index, schema.features, plan.rows[plan.held_out])
        self._scale = TargetScale()
        if plan.task is TaskKind.REGRESSION:
            standardise = FAMILIES[spec.model_type].standardise
            self._scale = TargetScale.of(plan.y[plan.train], standardise=standardise)

    def run(self) -> TrainedModel:
        """Fit, score, pack."""
        spec, plan = self._spec, self._plan
        metric = "log_loss" if plan.task.is_classification else "rmse"
        curve = LearningCurve(metric, self._progress.reporter, unit=self._scale.scale)
        self._progress.stage(f"training {spec.model_type}", until=FITTED)
        fitted = FAMILIES[spec.model_type].fit(self._job(curve))
        model = LoadedModel(self._schema, spec.model_type, fitted.model, self._scale)
        self._progress.stage("scoring", until=SCORED)
        train = self._predicted(model, self._train)
        held_out = self._predicted(model, self._held_out)
        scores = {"train": score(plan.y[plan.train], train), "held_out": score(plan.y[plan.held_out], held_out)}
        self._progress.stage("storing", until=1.0)
        result = TrainedModel(
            artifact=pack(model),
            artifact_format=FAMILIES[spec.model_type].artifact_format,
            schema=self._schema.to_json(),
            scores=scores,
            details=self._details(fitted, curve, held_out),
            lineage={"versions": versions(), "random_state": spec.random_state},
        )
        self._progress.finish("trained")
        return result

    def _job(self, curve: LearningCurve) -> FitJob:
        spec, plan = self._spec, self._plan
        fit, stop = self._part(plan.train, self._train), None
        if spec.early_stopping_rounds is not None:
            fit_rows, stop_rows = early_stopping_cut(plan, random_state=spec.random_state)
            fit, stop = (
                self._part(rows, self._train[np.searchsorted(plan.train, rows)]) for rows in (fit_rows, stop_rows)
            )
        return FitJob(
            task=plan.task,
            classes=len(plan.classes or ()),
            features=self._schema.features,
            params=PARAMS[spec.model_type].model_validate(spec.params),
            fit=fit,
            stop=stop,
            held_out=self._part(plan.held_out, self._held_out),
            early_stopping_rounds=spec.early_stopping_rounds,
            random_state=spec.random_state,
            threads=self._threads,
            progress=self._progress,
            curve=curve,
        )

    def _part(self, rows: Positions, x: Matrix) -> Part:
        y = self._plan.y[rows]
        return Part(x, y if self._plan.task.is_classification else self._scale.learnt(y))

    def _predicted(self, model: LoadedModel, x: Matrix) -> Predicted:
        values = []
        for part in slices(len(x), of=ROWS_AT_ONCE):
            self._progress.check()
            values.append(model.predicted(x[part], threads=self._threads).values)
        return Predicted(self._plan.task, self._plan.positive, np.concatenate(values), fitted_probabilities(model))

    def _details(self, fitted: Fitted, curve: LearningCurve, held_out: Predicted) -> dict[str, Any]:
        plan = self._plan
        y = plan.y[plan.held_out]
        curves = classification_curves(y, held_out) if plan.task.is_classification else {}
        return {
            "rows": {"train": len(plan.train), "held_out": len(plan.held_out), "dropped": plan.dropped},
            "features": [
                {"name": feature.name, "kind": feature.kind.value, "categories": len(feature.categories)}
                for feature in self._schema.features
            ],
            "classes": None if plan.classes is None else list(plan.classes),
            "positive_class": None if plan.classes is None or plan.positive is None else plan.classes[plan.positive],
            "iterations": fitted.iterations,
            "best_iteration": fitted.best_iteration,
            "importance": self._importance(fitted),
            "confusion_matrix": confusion_details(y, held_out, classes=plan.classes),
            "curves": curves | {"learning": curve.to_json()},
        }

    def _importance(self, fitted: Fitted) -> dict[str, Any] | None:
        """Most important first; None when the algorithm has no measure of its own."""
        found = fitted.model.importance()
        if found is None:
            return None
        splits = [None] * len(found.values) if found.splits is None else list(found.splits)
        rows = zip(self._plan.features, found.values, splits, strict=True)
        ordered = sorted(rows, key=lambda row: -row[1])
        return {
            "method": found.method,
            "features": [{"feature": name, "value": value, "splits": count} for name, value, count in ordered],
        }
