"""The handler of PREDICT: predict rows in batches, and store them as one file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.file_options import FileOptions
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.records import Dataset, Job, Model, Prediction
from ml_training.domain.specs import spec_json
from ml_training.execution.handlers.common import load_artifact, open_data, planned, spec_of
from ml_training.execution.inputs import load_models, unusable_object
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.transitions import AttemptFence
from ml_training.revision import code_revision
from ml_training.selection.cell_counts import CellCounts
from ml_training.selection.given_rows import index_given
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.selection.predict_plan import PredictPlan, plan_predict
from ml_training.selection.schema import ModelSchema
from ml_training.storage.base import ObjectKind, StoredObject
from ml_training.tabular.free_text import FreeText, UploadedFile, open_texts
from ml_training.tabular.prediction_file import NO_LIMIT, Preview, write_tables
from ml_training.tabular.prediction_table import PredictionTable
from ml_training.training import engine


@dataclass(frozen=True, slots=True)
class _Written:
    """The stored file, and what was found while it was written."""

    stored: StoredObject
    columns: list[str]
    counts: CellCounts
    preview: Preview


def run_predict(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Apply one model to the rows of the spec."""
    spec = spec_of(job, PredictSpec)
    if spec.model_id is None:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored spec names no model")
    [model] = load_models(context.database, [spec.model_id])
    schema = ModelSchema.of(model)
    with _open_rows(context, spec, schema) as (dataset, index):
        plan = planned(lambda: plan_predict(spec, index, schema))
        origin = {"model_sha256": model.artifact_sha256, "dataset_sha256": dataset and dataset.raw_sha256}
        with _open_texts(context, plan, dataset) as texts:
            written = _write(context, plan, load_artifact(context, model), texts, origin=origin, reporter=reporter)
    values = {
        "model_id": model.id,
        "dataset_id": dataset and dataset.id,
        "rows": len(plan.rows),
        "file_format": spec.format,
        "object_key": written.stored.key,
        "sha256": written.stored.sha256,
        "bytes": written.stored.size,
        "details": {
            "columns": written.columns,
            "unseen_categories": written.counts.unseen,
            "missing": written.counts.missing,
            "preview": written.preview.rows,
        },
        "lineage": {**origin, **_lineage(spec, model)},
    }

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_result(connection, Prediction, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=len(plan.rows))


@contextmanager
def _open_rows(
    context: WorkerContext, spec: PredictSpec, schema: ModelSchema
) -> Iterator[tuple[Dataset | None, SelectionIndex]]:
    """The data set of the spec and its index, or None and the index of the rows that the spec gives."""
    if spec.dataset_id is not None:
        with open_data(context, spec.dataset_id) as found:
            yield found
    else:
        with context.storage.scratch() as directory:
            yield None, index_given(directory, spec, schema)


@contextmanager
def _open_texts(context: WorkerContext, plan: PredictPlan, dataset: Dataset | None) -> Iterator[Mapping[str, FreeText]]:
    """The columns of free text to keep; raises JobFailed when the uploaded bytes are not the ones that were parsed."""
    names = [name for name in plan.spec.keep if plan.index.kind(name) is ColumnKind.TEXT]
    if dataset is None or not names:
        yield {}
        return
    storage = context.storage
    if not storage.verify(dataset.raw_key, dataset.raw_sha256):
        message = f"the uploaded bytes of data set {dataset.id} are damaged or gone"
        error = unusable_object(storage, dataset.raw_key)
        raise error(ErrorCode.DATASET_CHANGED, message, hint="restore them from a backup, or keep other columns")
    with storage.scratch() as work, storage.local(dataset.raw_key) as path:
        file = _uploaded_file(dataset, path)
        with open_texts(file, names, rows=plan.index.rows, limits=context.limits, work=work) as texts:
            yield texts


def _uploaded_file(dataset: Dataset, path: Path) -> UploadedFile:
    """The profile keeps the options: the job that read the file may be deleted by now."""
    said = (dataset.profile or {}).get("parsing", {}).get("options", {})
    roles = (dataset.time_column, dataset.phase_column, dataset.group_column)
    return UploadedFile(path, dataset.file_format, FileOptions.model_validate(said), roles)


def _write(
    context: WorkerContext,
    plan: PredictPlan,
    model: engine.LoadedModel,
    texts: Mapping[str, FreeText],
    *,
    origin: Mapping[str, Any],
    reporter: JobReporter,
) -> _Written:
    output = PredictionTable(plan, probabilistic=model.predictor.probabilistic, texts=texts)
    counts, preview = CellCounts(plan.index, plan.model), Preview()

    def tables() -> Iterator[Any]:
        for part in engine.predict(model, plan, reporter=reporter, cores=context.cores):
            counts.add(part.rows)
            table = output.table(part)
            yield preview.seen(table)

    chunks = write_tables(tables(), output.schema, plan.spec.format, lineage=origin)
    stored = context.storage.put_stream(ObjectKind.PREDICTION, chunks, limit_bytes=NO_LIMIT)
    return _Written(stored, output.schema.names, counts, preview)


def _lineage(spec: PredictSpec, model: Model) -> dict[str, Any]:
    return {
        "spec": spec_json(spec, without=["rows"]),
        "model_name": model.name,
        "model_version": model.version,
        "versions": engine.versions(),
        "code_revision": code_revision(),
    }
