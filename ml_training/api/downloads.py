"""Sends a stored file: its SHA-256 is ETag and Content-Digest, and the answer to a known ETag is 304."""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import IO, Any

from flask import Response, request

from ml_training.api.context import context
from ml_training.services.stored_files import StoredFile

CHUNK_BYTES = 64 << 10


def binary(*media_types: str) -> dict[str, Any]:
    """The OpenAPI description of an answer that is a file of one of these types."""
    return {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}}


def send_file(opened: AbstractContextManager[StoredFile]) -> Response:
    """The answer with the file, which stays open until its last byte has been sent."""
    with ExitStack() as stack:
        stack.enter_context(context().slow_requests.acquire("download"))
        response = _stream(stack.enter_context(opened))
        kept = stack.pop_all()
        response.call_on_close(kept.close)
    return response


def _stream(stored: StoredFile) -> Response:
    response = Response(_chunks(stored.file), mimetype=stored.media_type)
    response.content_length = stored.size
    response.set_etag(stored.sha256)
    response.headers["Content-Disposition"] = f'attachment; filename="{stored.filename}"'
    response.headers["Cache-Control"] = "private, no-cache"
    digest = base64.b64encode(bytes.fromhex(stored.sha256)).decode()
    response.headers["Content-Digest"] = f"sha-256=:{digest}:"
    response.make_conditional(request)
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
