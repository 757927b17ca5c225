"""Looks for the result of an equal job whose stored bytes are intact: what they are is read, the work is not done."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ml_training.db import results, reuse
from ml_training.domain.records import Model, Prediction
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.process.counted_put import counted_look
from ml_training.storage.base import StoredObject


@dataclass(frozen=True, slots=True)
class EqualModel:
    """The model of an equal job and its bytes, for one more row; out_of_fold: the same of its predictions."""

    model: Model
    artifact: StoredObject
    out_of_fold: "EqualPrediction | None"


@dataclass(frozen=True, slots=True)
class EqualPrediction:
    """The prediction of an equal job and its bytes, for one more row."""

    prediction: Prediction
    file: StoredObject


def find_model(context: WorkerContext, key: str, *, out_of_fold: bool) -> EqualModel | None:
    """A model of an equal job, with its predictions for held-out rows where the job keeps them."""
    for model in _models(context, key):
        artifact = StoredObject(model.artifact_key, model.artifact_sha256, model.artifact_bytes)
        intact = counted_look(context.database, context.storage, artifact)
        kept = _out_of_fold(context, model) if out_of_fold and intact is not None else None
        if intact is not None and (kept is not None or not out_of_fold):
            return EqualModel(model, intact, kept)
    return None


def find_prediction(context: WorkerContext, key: str) -> EqualPrediction | None:
    """A prediction of an equal job."""
    with context.database.read() as connection:
        ids = reuse.equal_predictions(connection, key)
        found = [results.get_result(connection, Prediction, one) for one in ids]
    intact = (_intact(context, prediction) for prediction in found if prediction is not None)
    return next((one for one in intact if one is not None), None)


def same_file(found: EqualPrediction) -> dict[str, Any]:
    """What the row of another prediction with this file says of it."""
    prediction, file = found.prediction, found.file
    return {
        "rows": prediction.rows,
        "file_format": prediction.file_format,
        "object_key": file.key,
        "sha256": file.sha256,
        "bytes": file.size,
        "put_after": file.put_after,
        "details": dict(prediction.details),
    }


def tell_reuse(reporter: JobReporter, job_id: int) -> None:
    """Say in the log of the job where its result comes from."""
    reporter.log(f"the result is that of job {job_id}: its spec, data, versions and seed are equal")


def origin_of(result: Model | Prediction) -> dict[str, dict[str, int]]:
    """What the lineage of the new result says of the one whose bytes it has."""
    name = "model_id" if isinstance(result, Model) else "prediction_id"
    return {"reused_from": {"job_id": result.job_id, name: result.id}}


def _models(context: WorkerContext, key: str) -> Iterator[Model]:
    with context.database.read() as connection:
        found = [results.get_model(connection, model_id) for model_id in reuse.equal_models(connection, key)]
    yield from (model for model in found if model is not None)


def _out_of_fold(context: WorkerContext, model: Model) -> EqualPrediction | None:
    with context.database.read() as connection:
        prediction = results.prediction_of_job(connection, model.job_id)
    return None if prediction is None else _intact(context, prediction)


def _intact(context: WorkerContext, prediction: Prediction) -> EqualPrediction | None:
    file = StoredObject(prediction.object_key, prediction.sha256, prediction.bytes)
    intact = counted_look(context.database, context.storage, file)
    return None if intact is None else EqualPrediction(prediction, intact)
