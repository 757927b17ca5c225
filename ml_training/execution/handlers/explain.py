"""The handler of EXPLAIN: look at one model on rows of a data set."""

from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.records import Dataset, Explanation, Job, Model
from ml_training.domain.specs import spec_json
from ml_training.execution.handlers.common import load_artifact, open_data, planned, spec_of
from ml_training.execution.inputs import load_models
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.revision import code_revision
from ml_training.selection.explain_plan import plan_explain
from ml_training.selection.schema import ModelSchema
from ml_training.training import engine


def run_explain(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Explain one model."""
    spec = spec_of(job, ExplainSpec)
    [model] = load_models(context.database, [spec.model_id])
    with open_data(context, spec.dataset_id) as (dataset, index):
        plan = planned(lambda: plan_explain(spec, index, ModelSchema.of(model)))
        found = engine.explain(load_artifact(context, model), plan, reporter=reporter, cores=context.cores)
    values: dict[str, Any] = {
        "model_id": model.id,
        "dataset_id": dataset.id,
        "rows": len(plan.sample),
        "details": found,
        "lineage": _lineage(spec, model, dataset),
    }

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_result(connection, Explanation, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.sample))


def _lineage(spec: ExplainSpec, model: Model, dataset: Dataset) -> dict[str, object]:
    return {
        "spec": spec_json(spec),
        "model_name": model.name,
        "model_version": model.version,
        "model_sha256": model.artifact_sha256,
        "dataset_sha256": dataset.raw_sha256,
        "versions": engine.versions(),
        "code_revision": code_revision(),
    }
