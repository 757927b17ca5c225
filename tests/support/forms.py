"""Forms as clients send them."""

from collections.abc import Mapping
from typing import IO, Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

# werkzeug's own boundary is made of two numbers and may have more than the 70 characters that RFC 2046 allows.
BOUNDARY = "frontier-4711"


def form_request(fields: Mapping[str, str | tuple[IO[bytes], str]]) -> dict[str, Any]:
    """What a test client's `post` needs to send these fields; a file is (stream, filename)."""
    parts = {name: FileStorage(*value) if isinstance(value, tuple) else value for name, value in fields.items()}
    _, body = encode_multipart(parts, BOUNDARY)
    return {"data": body, "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}}
