"""The handler of TEST: evaluate one model on a data set."""

from dataclasses import asdict

import numpy as np
from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.records import Dataset, Job, Model, TestResult
from ml_training.domain.specs import TestSpec, TrainSpec, stored_spec
from ml_training.execution.handlers.common import load_artifact, open_data, planned, spec_of
from ml_training.execution.inputs import load_dataset, load_models, open_index
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.selection.plan import TestPlan, plan_test, plan_train
from ml_training.selection.schema import ModelSchema
from ml_training.training import engine


def run_test(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Evaluate one model on a data set."""
    spec = spec_of(job, TestSpec)
    [model] = load_models(context.database, [spec.model_id])
    with open_data(context, spec.dataset_id) as (dataset, index):
        plan = planned(lambda: plan_test(spec, index, [ModelSchema.of(model)]))
        result = engine.test(
            load_artifact(context, model),
            plan,
            model_scores=model.scores,
            overlap=_overlaps(context, model, dataset, plan),
            reporter=reporter,
            cores=context.cores,
        )
    values = {**asdict(result), "model_id": model.id, "dataset_id": dataset.id}

    def store(connection: Connection, fence: AttemptFence) -> int:
        if not result.overlap and result.accuracy is not None:
            results.set_test_accuracy(connection, model.id, result.accuracy)
        return results.insert_result(connection, TestResult, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.labels.rows))


def _overlaps(context: WorkerContext, model: Model, dataset: Dataset, plan: TestPlan[TestSpec]) -> bool:
    """Whether a row of the test is a row that the model was fitted on: same bytes, same position.

    The rows that it was fitted on are planned again on the model's own data set, which may give other columns the
    role of time, phase or group.
    """
    spec = stored_spec(model.lineage["spec"])
    if model.dataset_sha256 != dataset.raw_sha256 or not isinstance(spec, TrainSpec):
        return False
    own = load_dataset(context.database, model.dataset_id, deleted_too=True)
    with open_index(context.storage, own) as index:
        trained = planned(lambda: plan_train(spec, index))
        fitted = trained.labels.rows[trained.draw_folds().final.train]
    return bool(np.isin(fitted, plan.labels.rows, assume_unique=True).any())
