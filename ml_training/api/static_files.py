"""Answers with files that ship with the service: read once, kept in memory, revalidated by their SHA-256."""

import os
from functools import cache
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def file_answer(folder: str, name: str, *, max_age_seconds: int) -> Response:
    """The file `name` of `folder`; raises NotFound. A browser asks again after `max_age_seconds`, 0: each time.

    Bytes, not a file: an answer in one piece occupies no thread until its client has read it.
    """
    path = safe_join(folder, name)
    # Not Path.is_file: for a name that is too long for the file system it raises an error.
    if path is None or not os.path.isfile(path):  # noqa: PTH113
        raise NotFound
    content, digest = _content(path)
    response = Response(content, mimetype=_type_of(path))
    if max_age_seconds:
        response.cache_control.public, response.cache_control.max_age = True, max_age_seconds
    else:
        response.cache_control.no_cache = True
    response.set_etag(digest)
    response.make_conditional(request)
    return response


def _type_of(path: str) -> str:
    # The table of the system may have other names for these, and a browser runs no module of another type.
    return TYPES.get(Path(path).suffix) or guess_type(path)[0] or "application/octet-stream"


@cache  # the files of the package: a few MB
def _content(path: str) -> tuple[bytes, str]:
    content = Path(path).read_bytes()
    return content, sha256(content).hexdigest()
