"""Models: the registry, what users say about a model, and its stored file."""

from flask import Response
from pydantic import Field

from ml_training.api import response_schemas
from ml_training.api.context import resources
from ml_training.api.downloads import file_answers, send_file
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import DownloadParameters, ModelListParameters
from ml_training.api.responses import json_response, no_content
from ml_training.domain.caller import Role
from ml_training.domain.model_changes import ModelChanges
from ml_training.domain.specs import TrainSpec
from ml_training.services import queries
from ml_training.services.models import alias_history, artifact_download, change_model, delete_model, train_spec

models = blueprint("models", "Trained models")


@models.get("", responses={200: response_schemas.ModelPage})
@documented(Role.VIEWER, query=ModelListParameters)
def list_all(query: ModelListParameters) -> Response:
    """Models, newest first."""
    found = queries.list_models(resources(), **query.model_dump())
    return json_response(response_schemas.ModelPage.from_record(found))


@models.get("/<id:model_id>", responses={200: response_schemas.Model, **problems(404)})
@documented(Role.VIEWER, path="model_id")
def show(model_id: int) -> Response:
    """A model: scores, importance, curves, and where it came from."""
    return json_response(response_schemas.Model.from_record(queries.get_model(resources(), model_id)))


@models.get("/<id:model_id>/spec", responses={200: TrainSpec, **problems(404)})
@documented(Role.VIEWER, path="model_id")
def spec(model_id: int) -> Response:
    """The spec that trained the model; as a new job it trains the same model."""
    return json_response(train_spec(resources(), model_id))


class AliasMove(response_schemas.ResponseSchema):
    """From a moment on an alias points to a model."""

    alias: str
    model_id: int | None = Field(description="null: to none")
    version: int | None
    moved_at: response_schemas.Time
    moved_by: str | None = Field(description="the id of the key; null without keys, and for moves of older versions")


class AliasHistory(response_schemas.ResponseSchema):
    """The moves of the aliases of one model name, newest first; the last 200."""

    items: list[AliasMove]


@models.get("/<id:model_id>/alias-history", responses={200: AliasHistory, **problems(404)})
@documented(Role.VIEWER, path="model_id")
def show_alias_history(model_id: int) -> Response:
    """Where the aliases of the model's name have pointed to, and who moved them."""
    moves = [AliasMove.from_record(move) for move in alias_history(resources(), model_id)]
    return json_response(AliasHistory(items=moves))


@models.patch("/<id:model_id>", responses={200: response_schemas.Model, **problems(400, 404, 413, 415)})
@documented(Role.SUBMITTER, path="model_id", body=ModelChanges)
def change(model_id: int, body: object) -> Response:
    """Set description, tags or aliases; an alias that another version of the name holds moves to this one."""
    return json_response(response_schemas.Model.from_record(change_model(resources(), model_id, body)))


@models.delete("/<id:model_id>", responses={204: None, **problems(404, 409)})
@documented(Role.SUBMITTER, path="model_id")
def delete(model_id: int) -> Response:
    """Delete a model and its aliases; not while a job that has not ended needs it."""
    delete_model(resources(), model_id)
    return no_content()


@models.get("/<id:model_id>/download", responses={**file_answers("application/zip"), **problems(404)})
@documented(Role.VIEWER, path="model_id", query=DownloadParameters)
def download(model_id: int, query: DownloadParameters) -> Response:
    """The model's file, with its SHA-256 as ETag and Content-Digest, or where the bucket gives it."""
    return send_file(artifact_download(resources(), model_id), may_redirect=query.redirect)
