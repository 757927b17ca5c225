"""The handler of COMPARE: rank models on the same rows."""

from dataclasses import asdict

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.records import Comparison, Job
from ml_training.domain.specs import CompareSpec
from ml_training.execution.handlers.common import load_artifact, open_data, planned, spec_of
from ml_training.execution.inputs import load_models
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.selection.plan import plan_test
from ml_training.selection.schema import ModelSchema
from ml_training.training import engine


def run_compare(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Rank models on the same rows."""
    spec = spec_of(job, CompareSpec)
    models = load_models(context.database, spec.model_ids)
    with open_data(context, spec.dataset_id) as (dataset, index):
        plan = planned(lambda: plan_test(spec, index, [ModelSchema.of(model) for model in models]))
        result = engine.compare(
            [load_artifact(context, model) for model in models],
            plan,
            reporter=reporter,
            cores=context.cores,
        )
    values = {**asdict(result), "ranking": list(result.ranking), "dataset_id": dataset.id}

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_result(connection, Comparison, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.labels.rows))
