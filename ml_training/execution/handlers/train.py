"""The handlers of TRAIN, TEST and COMPARE: load, call the engine, store the bytes, hand over the verdict.

Loaded by the fleet's child processes only: it brings the whole machine-learning stack along.
"""

from dataclasses import asdict
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.errors import ErrorCode, Invalid, JobFailed
from ml_training.domain.records import Dataset, Job, Model
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, spec_json, stored_spec
from ml_training.execution.checkpoints import load_checkpoint
from ml_training.execution.inputs import assert_unchanged, load_dataset, load_index, load_models
from ml_training.execution.job_handler import JobOutcome
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import WorkerContext
from ml_training.execution.transitions import AttemptFence
from ml_training.revision import code_revision
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import TestPlan, TrainPlan, plan_test, plan_train
from ml_training.services.feasibility import schema_of
from ml_training.storage.base import ObjectKind
from ml_training.training import engine

SpecT = TypeVar("SpecT", TrainSpec, TestSpec, CompareSpec)


def run_train(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Train one model and store its artifact."""
    spec = _spec_as(TrainSpec, job)
    dataset, index = _data(context, spec.dataset_id)
    with assert_unchanged(context.storage, dataset):
        plan = _train_plan(spec, index)
        trained = engine.train(
            spec,
            index,
            plan=plan,
            reporter=reporter,
            threads=context.threads,
            checkpoint=load_checkpoint(context.database, context.storage, job.id) if job.attempt > 1 else None,
        )
    stored = context.storage.put_bytes(ObjectKind.ARTIFACT, trained.artifact)
    values = {
        "name": spec.model_name,
        "model_type": spec.model_type.value,
        "task": plan.task.value,
        "dataset_id": dataset.id,
        "dataset_sha256": dataset.raw_sha256,
        "artifact_key": stored.key,
        "artifact_sha256": stored.sha256,
        "artifact_bytes": stored.size,
        "scores": trained.scores,
        "details": {**trained.details, "schema": trained.schema, "artifact_format": trained.artifact_format},
        "lineage": {**trained.lineage, **_lineage(spec, dataset)},
        "train_accuracy": trained.scores["train"].get("accuracy"),
        "test_accuracy": trained.scores["held_out"].get("accuracy"),
    }

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_model(connection, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.rows))


def run_test(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Evaluate one model on a data set."""
    spec = _spec_as(TestSpec, job)
    dataset, index = _data(context, spec.dataset_id)
    [model] = load_models(context.database, [spec.model_id])
    with assert_unchanged(context.storage, dataset):
        plan = _test_plan(spec, index, [model])
        outcome = engine.test(
            _loaded(context, model),
            index,
            plan=plan,
            model_scores=model.scores,
            overlap=_overlaps(context, model, dataset, plan),
            reporter=reporter,
            threads=context.threads,
        )
    values = {**asdict(outcome), "model_id": model.id, "dataset_id": dataset.id}

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_test_result(connection, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.rows))


def run_compare(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Rank models on the same rows."""
    spec = _spec_as(CompareSpec, job)
    dataset, index = _data(context, spec.dataset_id)
    models = load_models(context.database, spec.model_ids)
    with assert_unchanged(context.storage, dataset):
        plan = _test_plan(spec, index, models)
        outcome = engine.compare(
            [_loaded(context, model) for model in models],
            index,
            plan=plan,
            metric=spec.metric,
            seed=spec.random_state,
            reporter=reporter,
            threads=context.threads,
        )
    values = {**asdict(outcome), "ranking": list(outcome.ranking), "dataset_id": dataset.id}

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_comparison(connection, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.rows))


def _spec_as(kind: type[SpecT], job: Job) -> SpecT:
    spec = stored_spec(job.spec)
    if not isinstance(spec, kind):
        raise JobFailed(ErrorCode.BAD_SPEC, f"the stored spec is not one of a {job.job_type.value} job")
    return spec


def _data(context: WorkerContext, dataset_id: int) -> tuple[Dataset, SelectionIndex]:
    dataset = load_dataset(context.database, dataset_id)
    return dataset, load_index(context.storage, dataset)


def _loaded(context: WorkerContext, model: Model) -> engine.LoadedModel:
    artifact = context.storage.read_bytes(model.artifact_key, sha256=model.artifact_sha256)
    return engine.load_model(artifact, model_id=model.id)


def _train_plan(spec: TrainSpec, index: SelectionIndex) -> TrainPlan:
    try:
        return plan_train(spec, index)
    except Invalid as error:  # the door checked the same index: this is a defect, and its reasons are in the message
        raise JobFailed(ErrorCode.BAD_SPEC, _told(error)) from error


def _test_plan(spec: TestSpec | CompareSpec, index: SelectionIndex, models: list[Model]) -> TestPlan:
    try:
        return plan_test(spec, index, [schema_of(model) for model in models])
    except Invalid as error:
        raise JobFailed(ErrorCode.BAD_SPEC, _told(error)) from error


def _told(error: Invalid) -> str:
    return "; ".join([error.detail, *(f"{item.pointer}: {item.detail}" for item in error.errors)])


def _overlaps(context: WorkerContext, model: Model, dataset: Dataset, plan: TestPlan) -> bool:
    """Whether any row tested is a row that the model was fitted on: same bytes, same position.

    What it was fitted on is planned again on the model's own data set, whose roles of columns may be others.
    """
    spec = stored_spec(model.lineage["spec"])
    if model.dataset_sha256 != dataset.raw_sha256 or not isinstance(spec, TrainSpec):
        return False
    own = load_dataset(context.database, model.dataset_id, deleted_too=True)
    index = load_index(context.storage, own)
    trained = _train_plan(spec, index)
    fitted = trained.rows[trained.draw(spec, index).final.train]
    return bool(np.isin(fitted, plan.rows, assume_unique=True).any())


def _lineage(spec: TrainSpec, dataset: Dataset) -> dict[str, object]:
    return {
        "spec": spec_json(spec),
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "dataset_version": dataset.version,
        "dataset_sha256": dataset.raw_sha256,
        "code_revision": code_revision(),
    }
