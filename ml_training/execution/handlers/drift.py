"""The handler of DRIFT: compare rows with those that a model was trained on."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.records import Dataset, DriftReport, Job, Model
from ml_training.domain.specs import TrainSpec, spec_json, stored_spec
from ml_training.execution.handlers.common import open_data, planned, spec_of
from ml_training.execution.inputs import assert_unchanged, load_dataset, load_models, open_index
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.revision import code_revision
from ml_training.selection.drift_plan import plan_drift
from ml_training.selection.schema import ModelSchema
from ml_training.training import engine
from ml_training.training.drift.exchanged_blocks import SIGNIFICANT


def run_drift(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Compare the rows of the spec with the training rows of its model."""
    spec = spec_of(job, DriftSpec)
    [model] = load_models(context.database, [spec.model_id])
    trained = stored_spec(model.lineage["spec"])
    if not isinstance(trained, TrainSpec):
        raise JobFailed(ErrorCode.BAD_SPEC, f"the lineage of model {model.id} holds no training")
    own = load_dataset(context.database, model.dataset_id, deleted_too=True)
    with (
        open_index(context.storage, own) as training_index,
        assert_unchanged(context.storage, own),
        open_data(context, spec.dataset_id) as (dataset, index),
    ):
        schema = ModelSchema.of(model)
        plan = planned(lambda: plan_drift(spec, index, schema, trained=trained, training_index=training_index))
        found = engine.drift(plan, _importance(model), reporter=reporter, cores=context.cores)
    values = {
        "model_id": model.id,
        "dataset_id": dataset.id,
        "rows": len(plan.compared.rows),
        "weighted_psi": found["weighted_psi"],
        "drifted": found["drifted"],
        "details": found,
        "lineage": _lineage(spec, model, dataset),
    }

    def store(connection: Connection, fence: AttemptFence) -> int:
        results.set_drift(connection, model.id, _distance(found))
        return results.insert_result(connection, DriftReport, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.compared.rows))


def _distance(found: Mapping[str, Any]) -> float:
    """The number to watch: of 20 rows the index is large by chance, and nobody is to be called for that."""
    by_chance = found["p_value"] is None or found["p_value"] > SIGNIFICANT
    return 0.0 if by_chance else float(found["judged_psi"])


def _importance(model: Model) -> dict[str, float]:
    found = model.details.get("importance")
    return {} if not found else {item["feature"]: item["value"] for item in found["features"]}


def _lineage(spec: DriftSpec, model: Model, dataset: Dataset) -> dict[str, object]:
    return {
        "spec": spec_json(spec),
        "model_name": model.name,
        "model_version": model.version,
        "model_sha256": model.artifact_sha256,
        "training_dataset_sha256": model.dataset_sha256,
        "dataset_sha256": dataset.raw_sha256,
        "versions": engine.versions(),
        "code_revision": code_revision(),
    }
