"""The handler of PREDICT: predict rows in batches, and store them as one file."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.domain.conformal import HeldOutErrors
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.file_options import FileOptions
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.records import Dataset, Job, Model, Prediction
from ml_training.domain.specs import spec_json
from ml_training.execution.handlers.common import load_artifact, open_data, planned, spec_of
from ml_training.execution.inputs import load_dataset, load_models, unusable_object
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.reuse import find_prediction, origin_of, same_file, tell_reuse
from ml_training.execution.reuse_key import prediction_key
from ml_training.execution.transitions import AttemptFence
from ml_training.process.counted_put import counted_put
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
    """Apply one model to the rows of the spec, or take the file of an equal job if the spec wants that."""
    spec = spec_of(job, PredictSpec)
    if spec.model_id is None:
        raise JobFailed(ErrorCode.BAD_SPEC, "the stored spec names no model")
    [model] = load_models(context.database, [spec.model_id])
    if spec.reuse and (reused := _reused(context, spec, model, reporter)) is not None:
        return reused
    schema = ModelSchema.of(model)
    with _open_rows(context, spec, schema) as (dataset, index):
        plan = planned(lambda: plan_predict(spec, index, schema))
        with _open_texts(context, plan, dataset) as texts:
            written = _write(
                context,
                plan,
                load_artifact(context, model),
                texts,
                origin=_origin(model, dataset),
                largest_error=_largest_error(spec, model),
                reporter=reporter,
            )
    values: dict[str, Any] = {
        "rows": len(plan.rows),
        "file_format": spec.format,
        "object_key": written.stored.key,
        "sha256": written.stored.sha256,
        "bytes": written.stored.size,
        "put_after": written.stored.put_after,
        "details": {
            "columns": written.columns,
            "unseen_categories": written.counts.unseen,
            "missing": written.counts.missing,
            "preview": written.preview.rows,
        },
    }
    return JobOutcome(store=_storing(spec, model, dataset, values, {}), rows_used=len(plan.rows))


def _reused(context: WorkerContext, spec: PredictSpec, model: Model, reporter: JobReporter) -> JobOutcome | None:
    """One more prediction with the file of an equal job's; None when there is none."""
    dataset = None if spec.dataset_id is None else load_dataset(context.database, spec.dataset_id)
    found = find_prediction(context, prediction_key(spec, model, dataset, largest_error=_largest_error(spec, model)))
    if found is None:
        return None
    source = found.prediction
    tell_reuse(reporter, source.job_id)
    store = _storing(spec, model, dataset, same_file(found), origin_of(source))
    return JobOutcome(store=store, rows_used=0, reused_from=source.job_id)


def _storing(
    spec: PredictSpec, model: Model, dataset: Dataset | None, values: Mapping[str, Any], more_lineage: Mapping[str, Any]
) -> Callable[[Connection, AttemptFence], int]:
    """What stores the row of the prediction."""
    row = {
        "model_id": model.id,
        "dataset_id": dataset and dataset.id,
        "lineage": {**_origin(model, dataset), **_lineage(spec, model), **more_lineage},
        "reuse_key": prediction_key(spec, model, dataset, largest_error=_largest_error(spec, model)),
        **values,
    }

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_result(connection, Prediction, job_id=fence.job_id, attempt=fence.attempt, **row)

    return store


def _origin(model: Model, dataset: Dataset | None) -> dict[str, Any]:
    return {"model_sha256": model.artifact_sha256, "dataset_sha256": dataset and dataset.raw_sha256}


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
    if not storage.verify_local(dataset.raw_key, dataset.raw_sha256):
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
    largest_error: float | None,
    reporter: JobReporter,
) -> _Written:
    output = PredictionTable(plan, probabilistic=model.fitted.probabilistic, texts=texts)
    counts, preview = CellCounts(plan.index, plan.model), Preview()

    def tables() -> Iterator[Any]:
        for part in engine.predict(model, plan, reporter=reporter, cores=context.cores, largest_error=largest_error):
            counts.add(part.rows)
            table = output.table(part)
            yield preview.seen(table)

    chunks = write_tables(tables(), output.schema, plan.spec.format, lineage=origin)
    stored = counted_put(
        context.database, lambda: context.storage.put_stream(ObjectKind.PREDICTION, chunks, limit_bytes=NO_LIMIT)
    )
    return _Written(stored, output.schema.names, counts, preview)


def _largest_error(spec: PredictSpec, model: Model) -> float | None:
    """That of the intervals or sets; raises JobFailed, which the API has ruled out."""
    if spec.interval is None:
        return None
    errors = HeldOutErrors.of_details(model.details)
    found = None if errors is None else errors.largest_error(spec.interval)
    if found is None:
        raise JobFailed(ErrorCode.BAD_SPEC, f"model {model.id} has too few errors on held-out rows for this interval")
    return found


def _lineage(spec: PredictSpec, model: Model) -> dict[str, Any]:
    return {
        "spec": spec_json(spec, without=["rows", "reuse"]),
        "model_name": model.name,
        "model_version": model.version,
        "versions": engine.versions(),
        "code_revision": code_revision(),
    }
