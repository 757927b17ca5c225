"""The use cases of a stored prediction: preview, download, delete."""

from collections.abc import Mapping
from typing import Any

from ml_training.db import results
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import NotFound
from ml_training.domain.records import Prediction
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.queries import get_model, get_result
from ml_training.services.resources import Resources
from ml_training.services.stored_files import Download
from ml_training.storage.base import StoredObject

MEDIA_TYPES: Mapping[str, str] = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}


def preview_prediction(resources: Resources, prediction_id: int, limit: int) -> list[dict[str, Any]]:
    """The first rows, which were stored with the result; raises NotFound."""
    rows: list[dict[str, Any]] = get_result(resources, Prediction, prediction_id).details["preview"]
    return rows[:limit]


def out_of_fold(resources: Resources, model_id: int) -> Prediction:
    """The predictions of the model's training for the rows that were held out.

    Raises NotFound when there is no such model, its spec did not ask to keep them, or they were deleted.
    """
    model = get_model(resources, model_id)
    with resources.database.read() as connection:
        found = results.prediction_of_job(connection, model.job_id)
    if found is None:
        raise NotFound(f"model {model_id} has no out-of-fold predictions: train it with keep_out_of_fold")
    return found


def prediction_download(resources: Resources, prediction_id: int) -> Download:
    """The file of a prediction as it is offered; raises NotFound."""
    found = get_result(resources, Prediction, prediction_id)
    return Download(
        stored=StoredObject(found.object_key, found.sha256, found.bytes),
        filename=f"prediction-{prediction_id}.{found.file_format}",
        media_type=MEDIA_TYPES[found.file_format],
        damaged=f"the stored file of prediction {prediction_id} is damaged or gone: restore it or submit the job again",
    )


def delete_prediction(resources: Resources, prediction_id: int) -> None:
    """Soft delete; the cleanup removes the file. Raises NotFound, or Forbidden when another key made it."""
    prediction = get_result(resources, Prediction, prediction_id)
    require_owner(resources.caller, prediction.created_by, f"prediction {prediction_id}")
    with audited_change(resources.database, resources.caller, AuditAction.PREDICTION_DELETE, prediction_id) as change:
        if not results.mark_result_deleted(change.connection, Prediction, prediction_id):
            raise NotFound(f"there is no prediction {prediction_id}")
