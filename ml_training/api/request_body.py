"""Reads request bodies: checks their size and content type, and parses JSON strictly."""

from contextlib import AbstractContextManager, nullcontext
from typing import IO

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from ml_training.api.context import context
from ml_training.api.request_buffer import BODY_BYTES
from ml_training.domain.errors import BadRequest, TooLarge, WrongKind
from ml_training.domain.limits import Limits
from ml_training.domain.strict_json import parse

JSON = "application/json"
FORM = "multipart/form-data"
PIECE = "application/offset+octet-stream"  # of the protocol tus
FORM_OVERHEAD_BYTES = 64 << 10  # boundaries, part headers and small fields around an uploaded file


def limit_body(limits: Limits, *, takes_files: bool) -> None:
    """Limit the body of this request; raises TooLarge at once when its Content-Length is over the limit."""
    is_upload = takes_files and request.mimetype in (FORM, PIECE)
    g.body_limit = limits.upload_bytes + FORM_OVERHEAD_BYTES if is_upload else limits.json_body_bytes
    # werkzeug silently cuts a body of unknown length at this size: one byte more shows that it did.
    request.max_content_length = g.body_limit + 1
    if request.content_length is not None and request.content_length > g.body_limit:
        raise too_large()


def too_large() -> TooLarge:
    """The error for a body over the limit of this request."""
    return TooLarge(f"the body is larger than the limit of {g.body_limit:,} bytes")


def read_chunk(stream: IO[bytes], size: int) -> bytes:
    """The next `size` bytes of a large body, fewer at its end; raises TooLarge, and what the stream raises.

    gunicorn receives up to 1 MiB at a time, and each read of less copies all that is left of it.
    """
    try:
        return stream.read(size)
    except RequestEntityTooLarge:
        raise too_large() from None


def read_json(limits: Limits) -> object:
    """The body as JSON; raises WrongKind, TooLarge, BadRequest or Unavailable."""
    data = read_body()
    with turn_for(data):
        return parse(data, max_depth=limits.json_depth)


def turn_for(data: bytes) -> AbstractContextManager[object]:
    """What the work on a body needs: of large bodies a process reads, checks and stores one at a time.

    Each can take a second of CPU, during which the threads of other requests hardly run.
    """
    return nullcontext() if len(data) <= BODY_BYTES else context().slow_requests.acquire_turn("large body")


def read_body() -> bytes:
    """The body, which says that it is JSON; raises WrongKind, TooLarge or BadRequest."""
    options = request.mimetype_params
    if request.mimetype != JSON or options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise WrongKind(f"send {JSON} in UTF-8, not {_shown(request.headers.get('Content-Type'))}")
    refuse_encodings()
    return _read()


def _read() -> bytes:
    length = request.content_length
    # The worker class has collected a small body, unless the client waits for "100 Continue".
    is_here = length is not None and length <= BODY_BYTES and "Expect" not in request.headers
    with nullcontext() if is_here else context().slow_requests.acquire("large body"):
        data = request.get_data(cache=False)
    if len(data) > g.body_limit:
        raise too_large()
    return data


def refuse_encodings() -> None:
    """Raise WrongKind for a compressed body: its unpacked size could not be limited."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WrongKind("send the body without Content-Encoding")


def boundary() -> bytes:
    """The boundary of a multipart body; raises BadRequest without one."""
    found = request.mimetype_params.get("boundary", "")
    if not (1 <= len(found) <= 70 and found.isascii()):
        raise BadRequest("the Content-Type of a form names a boundary of 1 to 70 ASCII characters")
    return found.encode()


def _shown(kind: str | None) -> str:
    return "a body without Content-Type" if kind is None else ascii(kind[:80])
