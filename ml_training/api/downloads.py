"""Sends a stored file: its SHA-256 is ETag and Content-Digest, and the answer to a known ETag is 304.

With `S3_REDIRECT_SECONDS` the answer is 307 and an address of the bucket, signed for this time. Not to HEAD, since a
signature is for one method; nor where the client forbids it, as pages do, whose origin may not read the bucket.
"""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import IO

from flask import Response, request

from ml_training.api.context import context, resources
from ml_training.api.openapi_routes import Responses
from ml_training.services.stored_files import Download, StoredFile, address_of, open_stored

CHUNK_BYTES = 64 << 10


def file_answers(*media_types: str) -> Responses:
    """The OpenAPI responses of a download of a file of one of these types."""
    file = {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types}}
    return {200: file, 304: None, 307: None}


def send_file(wanted: Download, *, may_redirect: bool) -> Response:
    """The answer with the file, which stays open until its last byte has been sent, or with its address."""
    is_known = request.if_none_match.contains_weak(wanted.stored.sha256)
    if may_redirect and request.method == "GET" and not is_known:
        address = address_of(resources(), wanted)
        if address is not None:
            return _redirect(address)
    return _send(open_stored(resources(), wanted))


def _redirect(address: str) -> Response:
    response = Response(status=HTTPStatus.TEMPORARY_REDIRECT)
    response.location = address
    response.headers["Cache-Control"] = "no-store"  # whoever has the address can read the file
    return response


def _send(opened: AbstractContextManager[StoredFile]) -> Response:
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
