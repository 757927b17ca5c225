"""The handler of TRAIN: plan, train, store the artifact, register the model."""

from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.records import Dataset, Job, Prediction
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.execution.checkpoints import load_checkpoint
from ml_training.execution.handlers.common import open_data, planned, spec_of
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.revision import code_revision
from ml_training.selection.out_of_fold import OutOfFold
from ml_training.selection.plan import plan_train
from ml_training.storage.base import ObjectKind
from ml_training.tabular.out_of_fold_table import out_of_fold_schema, out_of_fold_tables
from ml_training.tabular.prediction_file import NO_LIMIT, Preview, write_tables
from ml_training.training import engine
from ml_training.training.binned import BinnedCache


def run_train(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Train one model and store its artifact."""
    spec = spec_of(job, TrainSpec)
    with context.binned_rows.session() as binned:
        with open_data(context, spec.dataset_id) as (dataset, index):
            plan = planned(lambda: plan_train(spec, index))
            trained = engine.train(
                plan,
                reporter=reporter,
                cores=context.cores,
                checkpoint=load_checkpoint(context.database, context.storage, job.id) if job.attempt > 1 else None,
                binned=BinnedCache(binned, dataset.index_sha256 or ""),
            )
        binned.publish()  # not before: rows that were read while the data were damaged must not be kept
    stored = context.storage.put_bytes(ObjectKind.ARTIFACT, trained.artifact)
    values = {
        "name": spec.model_name,
        "model_type": spec.model_type.value,
        "task": plan.labels.task.value,
        "dataset_id": dataset.id,
        "dataset_sha256": dataset.raw_sha256,
        "artifact_key": stored.key,
        "artifact_sha256": stored.sha256,
        "artifact_bytes": stored.size,
        "scores": trained.scores,
        "details": {
            **trained.details,
            "schema": trained.schema,
            "artifact_format": trained.artifact_format,
            "warnings": list(job.warnings),
        },
        "lineage": {**trained.lineage, **_lineage(spec, dataset)},
        "train_accuracy": trained.scores["train"].get("accuracy"),
        "test_accuracy": trained.scores["held_out"].get("accuracy"),
    }
    held_out = None if trained.out_of_fold is None else _store_out_of_fold(context, trained.out_of_fold)
    origin = {"model_sha256": stored.sha256, "dataset_sha256": dataset.raw_sha256, "out_of_fold": True}

    def store(connection: Connection, fence: AttemptFence) -> int:
        model_id = results.insert_model(connection, job_id=fence.job_id, attempt=fence.attempt, **values)
        if held_out is not None:
            row = {**held_out, "model_id": model_id, "dataset_id": dataset.id, "lineage": origin}
            results.insert_result(connection, Prediction, job_id=fence.job_id, attempt=fence.attempt, **row)
        return model_id

    return JobOutcome(store=store, rows_used=len(plan.labels.rows))


def _store_out_of_fold(context: WorkerContext, found: OutOfFold) -> dict[str, Any]:
    """Store the predictions for the held-out rows as a file; what their row says of it."""
    preview, schema = Preview(), out_of_fold_schema(found)
    tables = (preview.seen(table) for table in out_of_fold_tables(found))
    stored = context.storage.put_stream(
        ObjectKind.PREDICTION, write_tables(tables, schema, "parquet", lineage={}), limit_bytes=NO_LIMIT
    )
    return {
        "rows": len(found.rows),
        "file_format": "parquet",
        "object_key": stored.key,
        "sha256": stored.sha256,
        "bytes": stored.size,
        "details": {"columns": schema.names, "unseen_categories": {}, "missing": {}, "preview": preview.rows},
    }


def _lineage(spec: TrainSpec, dataset: Dataset) -> dict[str, object]:
    return {
        "spec": spec_json(spec),
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "dataset_version": dataset.version,
        "dataset_sha256": dataset.raw_sha256,
        "code_revision": code_revision(),
    }
