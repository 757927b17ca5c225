"""Predictions: what models say about rows; list, show, preview, download, delete."""

from typing import Any

from flask import Response
from pydantic import AliasPath, Field

from ml_training.api import response_schemas
from ml_training.api.context import resources
from ml_training.api.downloads import file_answers, send_file
from ml_training.api.models import models
from ml_training.api.openapi_routes import documented, problems
from ml_training.api.request_parameters import DownloadParameters, PreviewParameters
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response, no_content
from ml_training.api.results import result_blueprint
from ml_training.domain import records
from ml_training.domain.caller import Role
from ml_training.services.predictions import (
    MEDIA_TYPES,
    delete_prediction,
    out_of_fold,
    prediction_download,
    preview_prediction,
)


class PredictionSummary(ResponseSchema):
    """A file with what a model says about rows, in a list."""

    id: int
    job_id: int
    model_id: int
    dataset_id: int | None = Field(description="null when the spec gave the rows")
    rows: int
    format: str = Field(validation_alias="file_format", description="parquet or csv")
    sha256: str
    bytes: int
    created_at: Time


class Prediction(PredictionSummary):
    """A file with what a model says about rows, and what is known about it."""

    columns: list[str] = Field(validation_alias=AliasPath("details", "columns"))
    unseen_categories: dict[str, int] = Field(
        validation_alias=AliasPath("details", "unseen_categories"),
        description="by column: cells with a category that the model does not know, and takes for missing",
    )
    missing: dict[str, int] = Field(
        validation_alias=AliasPath("details", "missing"), description="by column: cells without a value"
    )
    lineage: dict[str, Any] = Field(
        description="SHA-256 of model and data set, name and version of the model, spec without rows, library versions"
    )


class PredictionPage(ResponseSchema):
    """Predictions, newest first."""

    items: list[PredictionSummary]
    next_cursor: Cursor


predictions = result_blueprint(
    "predictions",
    "What models say about rows",
    records.Prediction,
    schema=Prediction,
    page=PredictionPage,
    show_summary="A prediction: rows, file, unseen categories, missing values.",
)


@predictions.get("/<id:prediction_id>/preview", responses={200: response_schemas.Preview, **problems(404)})
@documented(Role.VIEWER, path="prediction_id", query=PreviewParameters)
def preview(prediction_id: int, query: PreviewParameters) -> Response:
    """The first rows of a prediction; fewer when they are long."""
    return json_response(response_schemas.Preview(items=preview_prediction(resources(), prediction_id, query.limit)))


@predictions.get("/<id:prediction_id>/download", responses={**file_answers(*MEDIA_TYPES.values()), **problems(404)})
@documented(Role.VIEWER, path="prediction_id", query=DownloadParameters)
def download(prediction_id: int, query: DownloadParameters) -> Response:
    """The file of a prediction, with its SHA-256 as ETag and Content-Digest, or where the bucket gives it."""
    return send_file(prediction_download(resources(), prediction_id), may_redirect=query.redirect)


@models.get("/<id:model_id>/out-of-fold", responses={200: Prediction, **problems(404)})
@documented(Role.VIEWER, path="model_id")
def of_training(model_id: int) -> Response:
    """The prediction with what the model's training said about the rows that it held out."""
    return json_response(Prediction.from_record(out_of_fold(resources(), model_id)))


@predictions.delete("/<id:prediction_id>", responses={204: None, **problems(404)})
@documented(Role.SUBMITTER, path="prediction_id")
def delete(prediction_id: int) -> Response:
    """Delete a prediction and its file."""
    delete_prediction(resources(), prediction_id)
    return no_content()
