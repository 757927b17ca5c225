"""The handler of TRAIN: plan, train, store the artifact, register the model."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from ml_training.cluster.dask_cluster import DaskFit
from ml_training.cluster.part import Part, engine_versions
from ml_training.db import results
from ml_training.domain.errors import Unavailable
from ml_training.domain.records import Dataset, Job, Prediction
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.execution.checkpoints import load_checkpoint
from ml_training.execution.handlers.common import open_data, planned, spec_of
from ml_training.execution.inputs import load_dataset
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.reuse import find_model, origin_of, same_file, tell_reuse
from ml_training.execution.reuse_key import training_key
from ml_training.execution.transitions import AttemptFence
from ml_training.process.counted_put import counted_put
from ml_training.revision import code_revision
from ml_training.selection.out_of_fold import OutOfFold
from ml_training.selection.plan import plan_train
from ml_training.storage.base import ObjectKind, StoredObject
from ml_training.tabular.out_of_fold_table import out_of_fold_schema, out_of_fold_tables
from ml_training.tabular.prediction_file import NO_LIMIT, Preview, write_tables
from ml_training.training import engine
from ml_training.training.binned import BinnedCache


def run_train(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Train one model and store its artifact, or take the model of an equal job if the spec wants that."""
    spec = spec_of(job, TrainSpec)
    if spec.reuse and (reused := _reused(context, job, spec, reporter)) is not None:
        return reused
    with context.binned_rows.session() as binned:
        with open_data(context, spec.dataset_id) as (dataset, index):
            plan = planned(lambda: plan_train(spec, index))
            trained = engine.train(
                plan,
                reporter=reporter,
                cores=context.cores,
                cluster=None if spec.engine is None else _on_cluster(context, job, spec, dataset),
                checkpoint=load_checkpoint(context.database, context.storage, job.id) if job.attempt > 1 else None,
                binned=BinnedCache(binned, dataset.index_sha256 or ""),
            )
        binned.publish()  # not before: rows that were read while the data were damaged must not be kept
    stored = counted_put(context.database, lambda: context.storage.put_bytes(ObjectKind.ARTIFACT, trained.artifact))
    values = {
        "task": plan.labels.task.value,
        "scores": trained.scores,
        "details": {
            **trained.details,
            "schema": trained.schema,
            "artifact_format": trained.artifact_format,
            "warnings": list(job.warnings),
        },
        "lineage": {**trained.lineage, **_lineage(spec, dataset), **_study(job)},
    }
    held_out = None if trained.out_of_fold is None else _store_out_of_fold(context, trained.out_of_fold)
    store = _storing(spec, dataset, stored, values, held_out)
    return JobOutcome(store=store, rows_used=len(plan.labels.rows))


def _reused(context: WorkerContext, job: Job, spec: TrainSpec, reporter: JobReporter) -> JobOutcome | None:
    """One more model with the bytes of an equal job's; None when there is none."""
    dataset = load_dataset(context.database, spec.dataset_id)
    found = find_model(context, training_key(spec, dataset), out_of_fold=spec.keep_out_of_fold)
    if found is None:
        return None
    model, held_out = found.model, found.out_of_fold
    tell_reuse(reporter, model.job_id)
    reporter.features(len(model.details["features"]))
    made = {name: model.lineage[name] for name in ("versions", "random_state")}
    values = {
        "task": model.task,
        "scores": model.scores,
        "details": {**model.details, "warnings": list(job.warnings)},
        "lineage": {**made, **_lineage(spec, dataset), **_study(job), **origin_of(model)},
    }
    kept = None if held_out is None else same_file(held_out)
    store = _storing(spec, dataset, found.artifact, values, kept)
    return JobOutcome(store=store, rows_used=0, reused_from=model.job_id)


def _storing(
    spec: TrainSpec,
    dataset: Dataset,
    artifact: StoredObject,
    values: Mapping[str, Any],
    held_out: Mapping[str, Any] | None,
) -> Callable[[Connection, AttemptFence], int]:
    """What stores the row of the model, and that of its predictions for held-out rows."""
    of_model = {
        "name": spec.model_name,
        "model_type": spec.model_type.value,
        "dataset_id": dataset.id,
        "dataset_sha256": dataset.raw_sha256,
        "artifact_key": artifact.key,
        "artifact_sha256": artifact.sha256,
        "artifact_bytes": artifact.size,
        "put_after": artifact.put_after,
        "train_accuracy": values["scores"]["train"].get("accuracy"),
        "test_accuracy": values["scores"]["held_out"].get("accuracy"),
        "reuse_key": training_key(spec, dataset),
        **values,
    }
    origin = {"model_sha256": artifact.sha256, "dataset_sha256": dataset.raw_sha256, "out_of_fold": True}

    def store(connection: Connection, fence: AttemptFence) -> int:
        fenced = {"job_id": fence.job_id, "attempt": fence.attempt}
        model_id = results.insert_model(connection, **fenced, **of_model)
        if held_out is not None:
            row = {**held_out, "model_id": model_id, "dataset_id": dataset.id, "lineage": origin}
            results.insert_result(connection, Prediction, **fenced, **row)
        return model_id

    return store


def _on_cluster(context: WorkerContext, job: Job, spec: TrainSpec, dataset: Dataset) -> DaskFit:
    """What fits the models; raises Unavailable where this worker knows of no cluster, since another one may."""
    if context.dask is None:
        raise Unavailable("this worker has no ML_TRAINING_DASK_SCHEDULER")
    part = Part(
        name=f"ml-training-{job.id}-{job.attempt}",
        spec=spec_json(spec),
        index_key=str(dataset.index_key),
        index_sha256=str(dataset.index_sha256),
        storage_id=context.storage.identity(),
        versions=engine_versions(),
    )
    return DaskFit(context.dask, part)


def _store_out_of_fold(context: WorkerContext, found: OutOfFold) -> dict[str, Any]:
    """Store the predictions for the held-out rows as a file; what their row says of it."""
    preview, schema = Preview(), out_of_fold_schema(found)
    tables = (preview.seen(table) for table in out_of_fold_tables(found))
    chunks = write_tables(tables, schema, "parquet", lineage={})
    stored = counted_put(
        context.database,
        lambda: context.storage.put_stream(ObjectKind.PREDICTION, chunks, limit_bytes=NO_LIMIT),
    )
    return {
        "rows": len(found.rows),
        "file_format": "parquet",
        "object_key": stored.key,
        "sha256": stored.sha256,
        "bytes": stored.size,
        "put_after": stored.put_after,
        "details": {"columns": schema.names, "unseen_categories": {}, "missing": {}, "preview": preview.rows},
    }


def _study(job: Job) -> dict[str, object]:
    """The TUNE job that has found the parameters."""
    return {} if job.parent_id is None else {"study_job_id": job.parent_id}


def _lineage(spec: TrainSpec, dataset: Dataset) -> dict[str, object]:
    return {
        "spec": spec_json(spec, without=["reuse"]),  # what trains the model again
        "dataset_id": dataset.id,
        "dataset_name": dataset.name,
        "dataset_version": dataset.version,
        "dataset_sha256": dataset.raw_sha256,
        "code_revision": code_revision(),
    }
