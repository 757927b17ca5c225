"""Error handlers: every error becomes an RFC 9457 problem; internal details go only to the log."""

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from ml_training.api.caller import report_refusal
from ml_training.api.request_body import too_large
from ml_training.api.responses import problem
from ml_training.domain.errors import (
    FieldError,
    Forbidden,
    Invalid,
    ServiceError,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from ml_training.logs import get_logger

log = get_logger(__name__)
RETRY_AFTER_SECONDS = 2
CHALLENGE = 'Bearer realm="ML Training Service"'


def install_problems(app: Flask) -> None:
    """Answer every error of `app` with a problem."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OSError, _storage_error)
    app.register_error_handler(Exception, _unexpected)


def _service_error(error: ServiceError) -> Response:
    errors: tuple[FieldError, ...] = error.errors if isinstance(error, Invalid) else ()
    retry_after = error.retry_after
    if retry_after is None and isinstance(error, TooMany | Unavailable):
        retry_after = RETRY_AFTER_SECONDS
    response = problem(
        error.status, error.title, error.detail, errors=errors, retry_after=retry_after, request_id=g.request_id
    )
    if isinstance(error, Forbidden):
        report_refusal()
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _service_error(too_large())
    status, detail = error.code or 500, error.description or ""
    if isinstance(error, NotFound):
        detail = "there is no such route: /docs lists them"
    response = problem(status, error.name, detail, request_id=g.request_id)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _storage_error(error: OSError) -> Response:
    log.error("storage_unavailable", exc_info=error)
    detail = "the storage is full or unavailable: try again later"
    return _service_error(Unavailable(detail, retry_after=RETRY_AFTER_SECONDS))


def _unexpected(error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    detail = f"the service has a defect: its log has the details of request {g.request_id}"
    return problem(500, ServiceError.title, detail, request_id=g.request_id)
