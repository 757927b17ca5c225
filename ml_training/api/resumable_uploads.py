"""Uploads in pieces, in the protocol tus 1.0.0 (https://tus.io/protocols/resumable-upload): its clients can send them.

A client makes an upload, sends the bytes of the file with as many PATCH requests as it likes, and asks HEAD after a
broken connection what is missing. What of a broken request has arrived is kept.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated, TypeVar

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import PreconditionFailed, RequestTimeout
from werkzeug.http import http_date

from ml_training.api.context import PREFIX, context, resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_body import PIECE, read_chunk, refuse_encodings
from ml_training.api.request_schemas import SHA256_PATTERN
from ml_training.api.response_schemas import ResponseSchema, Time
from ml_training.api.responses import json_response, no_content, problem
from ml_training.api.upload_form import format_of
from ml_training.domain.caller import Role
from ml_training.domain.errors import BadRequest, FieldError, Invalid, WrongKind
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.resumable_upload import MOST_NAME_CHARACTERS, ResumableUpload
from ml_training.services import resumable_uploads as service

VERSION = "1.0.0"
CHUNK_BYTES = 256 << 10  # the last one is lost when the connection breaks
MOST_BYTES = 1 << 40  # of a header; the limit of a file is a setting
EXTENSIONS = "creation,expiration,termination"
BYTES = {
    "required": True,
    "content": {PIECE: {"schema": {"type": "string", "format": "binary"}, "example": "a,b\n1,2\n"}},
}
ModelT = TypeVar("ModelT", bound=BaseModel)
uploads = blueprint("uploads", "Files in pieces, for data sets: after a broken connection only the rest is sent")


class Upload(ResponseSchema):
    """A file that arrives in pieces."""

    id: int
    file_name: str
    sha256: str | None = Field(description="of the whole file, if the client has said it")
    bytes: int = Field(description="of the whole file")
    received_bytes: int = Field(description="from the first byte on: the next one to send has this number")
    created_at: Time
    expires_at: Time = Field(description="when it is forgotten, if nothing more arrives")
    dataset_id: int | None = Field(description="the data set that was made of it; null: it is open")


class Uploads(ResponseSchema):
    """Open uploads, the oldest first."""

    items: list[Upload]


class CreateHeaders(BaseModel):
    """The headers that make an upload."""

    model_config = ConfigDict(extra="ignore")

    length: Annotated[int, Field(ge=0, le=MOST_BYTES, alias="Upload-Length", description="of the whole file, in bytes")]
    metadata: Annotated[
        str,
        Field(
            alias="Upload-Metadata",
            description="pairs of a name and a value in Base64, separated by commas: filename, whose suffix says the "
            "format, and if it is known sha256, of the whole file in hexadecimal digits",
        ),
    ]


class AppendHeaders(BaseModel):
    """The headers of a piece."""

    model_config = ConfigDict(extra="ignore")

    offset: Annotated[
        int, Field(ge=0, le=MOST_BYTES, alias="Upload-Offset", description="the place of its first byte in the file")
    ]


class Metadata(BaseModel):
    """What Upload-Metadata says; clients add names of their own."""

    model_config = ConfigDict(extra="ignore")

    filename: Annotated[str, Field(min_length=1, max_length=MOST_NAME_CHARACTERS)]
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)] | None = None


@uploads.post(
    "",
    responses={200: Upload, 201: Upload, **problems(409, 412, 413, 415, 429)},
)
@documented(Role.SUBMITTER, header=CreateHeaders)
def create() -> Response:
    """Make an upload for a file. 200: the same key has an open one for this name, size and SHA-256."""
    given = _headers(CreateHeaders)
    metadata = _metadata(given.metadata)
    format_of(metadata.filename)
    upload, is_new = service.create_upload(
        resources(), file_name=metadata.filename, size=given.length, sha256=metadata.sha256
    )
    address = {"Location": f"{PREFIX}/uploads/{upload.id}"}
    return json_response(_shown(upload), 201 if is_new else 200, headers=address | _place(upload))


@uploads.get("", responses={200: Uploads})
@documented(Role.VIEWER)
def list_open() -> Response:
    """The open uploads of the project, the oldest first: those of which no data set was made."""
    return json_response(Uploads(items=[_shown(one) for one in service.list_uploads(resources())]))


@uploads.get("/<id:upload_id>", responses={200: Upload, **problems(404, 412)})
@documented(Role.VIEWER, path="upload_id")
def show(upload_id: int) -> Response:
    """An upload; HEAD answers in Upload-Offset which byte comes next."""
    upload = service.get_upload(resources(), upload_id)
    return json_response(_shown(upload), headers=_place(upload))


@uploads.patch(
    "/<id:upload_id>",
    responses={204: None, **problems(400, 404, 408, 409, 412, 413, 415, 429)},
    openapi_extensions={"requestBody": BYTES},
)
@documented(Role.SUBMITTER, path="upload_id", header=AppendHeaders)
def append(upload_id: int) -> Response:
    """Send the next bytes of the file; 409 with Upload-Offset when they begin elsewhere."""
    if request.mimetype != PIECE:
        raise WrongKind(f"send the bytes as {PIECE}")
    refuse_encodings()
    offset = _headers(AppendHeaders).offset
    body = _Arriving()
    try:
        with context().slow_requests.acquire("upload"):
            upload = service.append_piece(resources(), upload_id, offset=offset, chunks=body.chunks())
    except service.WrongOffset as error:
        refused = problem(error.status, error.title, error.detail)
        refused.headers.update(_place(error.upload))
        return refused
    if body.error is not None:
        raise body.error
    response = no_content()
    response.headers.update(_place(upload))
    return response


@uploads.delete("/<id:upload_id>", responses={204: None, **problems(404, 412)})
@documented(Role.SUBMITTER, path="upload_id")
def delete(upload_id: int) -> Response:
    """Forget an upload; a data set that was made of it stays."""
    service.delete_upload(resources(), upload_id)
    return no_content()


@uploads.before_request
def _refuse_other_versions() -> None:
    if request.headers.get("Tus-Resumable", VERSION) != VERSION:
        raise PreconditionFailed(f"this is tus {VERSION}: send Tus-Resumable: {VERSION}")


@uploads.after_request
def _tell_the_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == PreconditionFailed.code:
        response.headers["Tus-Version"] = VERSION
        response.headers["Tus-Extension"] = EXTENSIONS
    return response


class _Arriving:
    """The bytes of a body up to its end, or up to where the connection broke; `error`: why it ended early."""

    def __init__(self) -> None:
        self.error: BadRequest | RequestTimeout | None = None

    def chunks(self) -> Iterator[bytes]:
        try:
            while chunk := read_chunk(request.stream, CHUNK_BYTES):
                yield chunk
        except (BadRequest, RequestTimeout) as error:
            self.error = error


def _headers(model: type[ModelT]) -> ModelT:
    """The headers of this request; raises Invalid."""
    names = {str(field.alias) for field in model.model_fields.values()}
    return _checked(model, {name: request.headers[name] for name in names if name in request.headers})


def _checked(model: type[ModelT], given: dict[str, str]) -> ModelT:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Invalid("the headers are wrong", errors=field_errors(error, given)) from None


def _metadata(text: str) -> Metadata:
    """What is in `filename d29ybGQuY3N2,sha256 MDEyMw==`; raises Invalid."""
    found = {}
    for pair in text.split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            detail = f"the value of {name[:80]!r} is not Base64 of a UTF-8 text"
            raise Invalid("the headers are wrong", errors=(FieldError("/Upload-Metadata", detail),)) from None
    return _checked(Metadata, found)


def _place(upload: ResumableUpload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.received_bytes),
        "Upload-Length": str(upload.bytes),
        "Upload-Expires": http_date(upload.expires_at),
    }


def _shown(upload: ResumableUpload) -> Upload:
    return Upload.from_record(upload)
