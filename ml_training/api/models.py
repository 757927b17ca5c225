"""Models: the registry, what users say about a model, and its stored file."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO

from flask import Response, request

from ml_training.api import render, schemas
from ml_training.api.context import context, resources
from ml_training.api.documented import blueprint, documented, problems
from ml_training.api.queries import ModelsQuery
from ml_training.api.respond import no_content, reply
from ml_training.domain.model_changes import ModelChanges
from ml_training.domain.specs import TrainSpec
from ml_training.services import queries
from ml_training.services.models import Artifact, change_model, delete_model, open_artifact, train_spec

models = blueprint("models", "Trained models")
CHUNK_BYTES = 64 << 10
FILE = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}


@models.get("", responses={200: schemas.ModelPage})
@documented(query=ModelsQuery)
def list_all(query: ModelsQuery) -> Response:
    """Models, newest first."""
    found = queries.list_models(resources(), **query.model_dump())
    return reply(render.page(found, render.model_summary))


@models.get("/<id:model_id>", responses={200: schemas.Model, **problems(404)})
@documented(path="model_id")
def show(model_id: int) -> Response:
    """A model: scores, importance, curves, and where it came from."""
    return reply(render.model(queries.get_model(resources(), model_id)))


@models.get("/<id:model_id>/spec", responses={200: TrainSpec, **problems(404)})
@documented(path="model_id")
def spec(model_id: int) -> Response:
    """The spec that trained the model; as a new job it trains the same model."""
    return reply(train_spec(resources(), model_id))


@models.patch("/<id:model_id>", responses={200: schemas.Model, **problems(400, 404, 413, 415)})
@documented(path="model_id", body=ModelChanges)
def change(model_id: int, body: object) -> Response:
    """Set description, tags or aliases; an alias that another version of the name holds moves to this one."""
    return reply(render.model(change_model(resources(), model_id, body)))


@models.delete("/<id:model_id>", responses={204: None, **problems(404, 409)})
@documented(path="model_id")
def delete(model_id: int) -> Response:
    """Delete a model and its aliases; not while a job that has not ended needs it."""
    delete_model(resources(), model_id)
    return no_content()


@models.get("/<id:model_id>/download", responses={200: FILE, 304: None, **problems(404)})
@documented(path="model_id")
def download(model_id: int) -> Response:
    """The model's file, with its SHA-256 as ETag and Content-Digest."""
    with ExitStack() as stack:
        stack.enter_context(context().lane.enter("download"))
        artifact = open_artifact(resources(), model_id)
        file = stack.enter_context(artifact.path.open("rb"))
        response = _stream(artifact, file)
        kept = stack.pop_all()  # until the last byte has been sent
        response.call_on_close(kept.close)
    return response


def _stream(artifact: Artifact, file: IO[bytes]) -> Response:
    response = Response(_chunks(file), mimetype="application/zip")
    response.content_length = artifact.size
    response.set_etag(artifact.sha256)
    response.headers["Content-Disposition"] = f'attachment; filename="{artifact.filename}"'
    response.headers["Cache-Control"] = "private, no-cache"
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    response.headers["Content-Digest"] = f"sha-256=:{digest}:"
    response.make_conditional(request)
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
