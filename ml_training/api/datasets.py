"""Data sets: upload or sample, list, profile, preview, delete."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from flask import Response, request
from pydantic import BaseModel, ValidationError

from ml_training.api import request_schemas, response_schemas
from ml_training.api.context import PREFIX, context, resources
from ml_training.api.long_poll import long_poll
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_body import FORM, JSON, boundary, read_json, refuse_encodings
from ml_training.api.request_parameters import DatasetListParameters, PreviewParameters, WaitParameters
from ml_training.api.responses import json_response, no_content
from ml_training.api.upload_form import format_of, read_upload
from ml_training.domain.caller import Role
from ml_training.domain.errors import FieldError, Invalid, WrongKind
from ml_training.domain.file_formats import FORMATS
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.records import Dataset, Job
from ml_training.domain.sample_datasets import SAMPLES
from ml_training.domain.states import DatasetStatus
from ml_training.services import datasets as service
from ml_training.services import queries, resumable_uploads
from ml_training.services import sourced_datasets as sourced
from ml_training.storage.base import StoredObject

datasets = blueprint("datasets", "Immutable tables to train on and test with")


def _schema(model: type[BaseModel], **members: Any) -> dict[str, Any]:
    schema = model.model_json_schema()
    return schema | {"properties": schema["properties"] | members, "required": [*schema["required"], *members]}


_KINDS: Mapping[
    str,
    type[
        request_schemas.StoredFileRequest
        | request_schemas.UploadedRequest
        | request_schemas.QueryRequest
        | request_schemas.SourceRequest
    ],
] = {
    "upload_id": request_schemas.UploadedRequest,
    "sha256": request_schemas.StoredFileRequest,
    "query": request_schemas.QueryRequest,
    "connection": request_schemas.QueryRequest,
    "source": request_schemas.SourceRequest,
}
FILE = {"type": "string", "format": "binary", "description": f"its name ends in {', '.join(FORMATS)}"}
TWO_KINDS = {
    "required": True,
    "content": {
        FORM: {"schema": _schema(request_schemas.UploadForm, file=FILE)},
        JSON: {
            "schema": {
                "anyOf": [
                    _schema(request_schemas.SampleRequest),
                    _schema(request_schemas.StoredFileRequest),
                    _schema(request_schemas.UploadedRequest),
                    _schema(request_schemas.QueryRequest),
                    _schema(request_schemas.SourceRequest),
                ]
            }
        },
    },
}


@datasets.post(
    "",
    responses={201: response_schemas.Dataset, **problems(400, 404, 409, 413, 415, 429)},
    openapi_extensions={"requestBody": TWO_KINDS},
)
@documented(Role.SUBMITTER, query=WaitParameters)
def create(query: WaitParameters) -> Response:
    """Take in a file, a sample, the rows of a query or a file in a bucket.

    An INGEST job gets, parses and profiles the rows; READY or REJECTED is its verdict.
    """
    if request.mimetype == FORM:
        dataset = _uploaded()
    elif request.mimetype == JSON:
        dataset = _from_json()
    else:
        others = "a sample, an upload, the sha256 of a stored file, a query or a source"
        raise WrongKind(f"send {FORM} with a file, or {JSON} with {others}")
    return long_poll(
        query.wait,
        lambda seconds: queries.wait_for_dataset(resources(), dataset.id, seconds=seconds),
        has_ended=_is_decided,
        respond=partial(_show, status=201, headers={"Location": f"{PREFIX}/datasets/{dataset.id}"}),
    )


@datasets.get("", responses={200: response_schemas.DatasetPage})
@documented(Role.VIEWER, query=DatasetListParameters)
def list_all(query: DatasetListParameters) -> Response:
    """Data sets, newest first."""
    found = queries.list_datasets(resources(), **query.model_dump())
    return json_response(response_schemas.DatasetPage.from_record(found))


@datasets.get("/samples", responses={200: response_schemas.Samples})
@documented(Role.VIEWER)
def samples() -> Response:
    """Data sets that ship with the service."""
    return json_response(response_schemas.Samples.from_record({"items": list(SAMPLES.values())}))


@datasets.get("/sha256/<sha256>", responses={200: response_schemas.StoredFile, **problems(404)})
@documented(Role.VIEWER, path=request_schemas.Sha256Path)
def find_file(sha256: str) -> Response:
    """Whether an uploaded file with this SHA-256 is stored, so that it need not be sent again; also with HEAD."""
    if not re.fullmatch(request_schemas.SHA256_PATTERN, sha256):
        raise Invalid("the address is wrong", errors=(FieldError("/sha256", "must be 64 digits of 0-9 and a-f"),))
    return json_response(response_schemas.StoredFile.from_record(service.find_upload(resources(), sha256)))


@datasets.get("/<id:dataset_id>", responses={200: response_schemas.Dataset, **problems(404)})
@documented(Role.VIEWER, path="dataset_id", query=WaitParameters)
def show(dataset_id: int, query: WaitParameters) -> Response:
    """A data set and its profile; with ?wait=, when it is READY or REJECTED."""
    return long_poll(
        query.wait,
        lambda seconds: queries.wait_for_dataset(resources(), dataset_id, seconds=seconds),
        has_ended=_is_decided,
        respond=_show,
    )


@datasets.get("/<id:dataset_id>/preview", responses={200: response_schemas.Preview, **problems(404, 409)})
@documented(Role.VIEWER, path="dataset_id", query=PreviewParameters)
def preview(dataset_id: int, query: PreviewParameters) -> Response:
    """The first rows of a READY data set."""
    return json_response(response_schemas.Preview(items=queries.preview_dataset(resources(), dataset_id, query.limit)))


@datasets.post("/<id:dataset_id>/refresh", responses={202: response_schemas.Job, **problems(404, 409, 429)})
@documented(Role.SUBMITTER, path="dataset_id", query=WaitParameters)
def refresh(dataset_id: int, query: WaitParameters) -> Response:
    """Ask where the data set came from again, in a job: its result is a new version, or the same data set as before.

    While such a job runs, it is the answer to every request. With ?wait=, the job when it has ended.
    """
    job = sourced.refresh_dataset(resources(), dataset_id)
    return long_poll(
        query.wait,
        lambda seconds: queries.wait_for_job(resources(), job.id, seconds=seconds),
        has_ended=lambda found: found.status.is_terminal,
        respond=_show_job,
    )


@datasets.delete("/<id:dataset_id>", responses={204: None, **problems(404, 409)})
@documented(Role.SUBMITTER, path="dataset_id")
def delete(dataset_id: int) -> Response:
    """Delete a data set; its bytes go after the last model that names it."""
    service.delete_dataset(resources(), dataset_id)
    return no_content()


def _uploaded() -> Dataset:
    refuse_encodings()

    def store(file_format: str, chunks: Iterator[bytes]) -> StoredObject:
        return service.store_upload(resources(), file_format, chunks)

    with context().slow_requests.acquire("upload"):
        upload = read_upload(request.stream, boundary(), store)
    return service.accept_upload(
        resources(),
        file_format=upload.file_format,
        stored=upload.stored,
        options=upload.form.options(),
        **upload.form.about_the_data(),
    )


def _from_json() -> Dataset:
    """What the body asks for: the first of its fields that belongs to one kind alone tells the kinds apart."""
    body = read_json(resources().limits)
    kind = next((kind for name, kind in _KINDS.items() if isinstance(body, dict) and name in body), None)
    try:
        if kind is None:
            wanted = request_schemas.SampleRequest.model_validate(body, strict=True)
            return service.accept_sample(resources(), name=wanted.name, sample=wanted.sample)
        # Not strict: its fields are those of the form, where every value is text.
        found = kind.model_validate(body)
    except ValidationError as error:
        raise Invalid("the request is wrong", errors=field_errors(error, body)) from None
    if isinstance(found, request_schemas.UploadedRequest):
        return _from_pieces(found)
    return _stored_file(found) if isinstance(found, request_schemas.StoredFileRequest) else _from_origin(found)


def _from_origin(wanted: request_schemas.QueryRequest | request_schemas.SourceRequest) -> Dataset:
    about = {name: getattr(wanted, name) for name in ("name", "time_column", "phase_column", "group_column")}
    return sourced.accept_origin(resources(), wanted.origin(), **about)


def _stored_file(wanted: request_schemas.StoredFileRequest) -> Dataset:
    file_format, options = format_of(wanted.file_name), wanted.options()
    if errors := options.errors_for(file_format):
        raise Invalid("the request is wrong", errors=tuple(errors))
    about = wanted.about_the_data()
    del about["file_name"]
    with context().slow_requests.acquire("upload"):  # it reads all bytes to verify them
        return service.accept_stored_file(resources(), file_format=file_format, options=options, **about)


def _from_pieces(wanted: request_schemas.UploadedRequest) -> Dataset:
    about, options = wanted.about_the_data(), wanted.options()
    with context().slow_requests.acquire("upload"):
        return resumable_uploads.accept_pieces(resources(), about.pop("upload_id"), options=options, **about)


def _is_decided(dataset: Dataset) -> bool:
    return dataset.status is not DatasetStatus.PROCESSING


def _show_job(job: Job) -> Response:
    headers = {"Location": f"{PREFIX}/jobs/{job.id}"}
    return json_response(response_schemas.Job.from_record(job), 202, headers=headers)


def _show(dataset: Dataset, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json_response(response_schemas.Dataset.from_record(dataset), status, headers=headers)
