"""The gunicorn worker class of the API: errors below the app are problems too."""

import json
import uuid
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from ml_training.api.respond import PROBLEM, problem_body

CODES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class ApiWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A gthread worker that answers what is not HTTP with a problem as well."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the app; the connection is closed afterwards."""
        is_clients = isinstance(exc, errors.ParseException | errors.InvalidChunkSize | errors.ChunkMissingTerminator)
        status = CODES.get(type(exc), HTTPStatus.BAD_REQUEST if is_clients else HTTPStatus.INTERNAL_SERVER_ERROR)
        if is_clients:
            self.log.warning("Invalid request from %s: %s", (addr or ("",))[0], ascii(str(exc))[:200])
        else:
            self.log.exception("Error handling request")
        try:
            util.write_nonblock(client, raw_problem(status))
        except OSError:  # the client has gone
            self.log.debug("Failed to send error message.")


def raw_problem(status: HTTPStatus) -> bytes:
    """A whole HTTP answer."""
    detail = "this is not an HTTP request that the service reads" if status < HTTPStatus.INTERNAL_SERVER_ERROR else ""
    request_id = uuid.uuid4().hex
    body = json.dumps(problem_body(status, status.phrase, detail or status.description) | {"request_id": request_id})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: {PROBLEM}\r\n"
        f"X-Request-Id: {request_id}\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
