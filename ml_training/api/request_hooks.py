"""Runs before and after every request: its id, checks of host, path, origin and size, headers, counts, a log line."""

import re
import time
import uuid
from functools import cache
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.routing import Rule

from ml_training.api.context import context
from ml_training.api.parked_requests import is_parked
from ml_training.api.request_body import limit_body
from ml_training.domain.allowed_hosts import split_target
from ml_training.domain.errors import WrongHost
from ml_training.domain.rejection_reasons import rejection_reason
from ml_training.logs import get_logger

log = get_logger(__name__)
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
SECOND_SPELLING = re.compile(r"//|%2f|%5c", re.IGNORECASE)  # of a path: rules of a proxy would not see it
ARGUMENT = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
ONE_YEAR = "max-age=31536000"
TAKES_FILES = frozenset({"datasets.create", "uploads.append"})
SUBMITTING = frozenset({"jobs.submit", "jobs.submit_many"})


def install_hooks(app: Flask) -> None:
    """Run the hooks of this module around every request of `app`."""
    app.before_request(_begin)
    app.before_request(_refuse_strange_targets)
    app.before_request(_refuse_foreign_pages)
    app.before_request(_limit_body)
    app.after_request(_finish)
    app.teardown_request(_forget)


def template_of(rule: Rule | None) -> str | None:
    """The route as documented, such as /api/v1/jobs/{job_id}."""
    return None if rule is None else _documented(rule.rule)


@cache  # a route each
def _documented(rule: str) -> str:
    return ARGUMENT.sub(r"{\1}", rule)


def _begin() -> None:
    g.started = time.monotonic()
    wanted = request.headers.get("X-Request-Id", "")
    g.request_id = wanted if REQUEST_ID.fullmatch(wanted) else uuid.uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _refuse_strange_targets() -> None:
    named, path = split_target(request.environ.get("RAW_URI", request.path))
    asked = [request.environ.get("HTTP_HOST", ""), *([] if named is None else [named])]
    wrong = [host for host in asked if not context().hosts.allows(host)]
    if wrong:
        shown = ascii(wrong[0][:80])
        raise WrongHost(f"{shown} is no name of this service: if it should be, add it to ML_TRAINING_ALLOWED_HOSTS")
    if SECOND_SPELLING.search(path):
        raise NotFound


def _refuse_foreign_pages() -> None:
    # A form or script of a foreign page can send uploads and cancels without a preflight (CORS "simple" requests).
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_foreign = site not in ("same-origin", "none") if site else origin and not _is_own(origin)
    if is_foreign:
        raise Forbidden("a web page of another origin sent this: only programs and pages of this service may")


def _is_own(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # such as http://[
        return False
    # A proxy may speak HTTPS without saying so; nothing else does, so under its own names the service knows.
    is_known = request.scheme == "https" or context().hosts.is_own(request.host)
    schemes = (request.scheme,) if is_known else ("http", "https")
    return parts.netloc == request.host and parts.scheme in schemes


def _limit_body() -> None:
    limit_body(context().resources.limits, takes_files=request.endpoint in TAKES_FILES)


def _finish(response: Response) -> Response:
    given = {name.lower() for name, _ in response.headers}
    for name, value in HEADERS.items():
        if name.lower() not in given:
            response.headers.add(name, value)
    if _is_tls_of_its_own():
        response.headers["Strict-Transport-Security"] = ONE_YEAR
    response.headers["X-Request-Id"] = g.request_id
    if is_parked(request.environ):
        return response  # nobody gets it
    seconds = time.monotonic() - g.started
    route, status = template_of(request.url_rule), response.status_code
    counters = context().counters
    counters.count_request(route, request.method, status, seconds=seconds)
    if request.endpoint in SUBMITTING and (reason := rejection_reason(status)):
        counters.count_rejected(reason)
    log.debug("request_served", method=request.method, route=route, status=status, seconds=round(seconds, 4))
    return response


def _is_tls_of_its_own() -> bool:
    # A proxy in front sends the header itself; the local names are those of every other program of the machine too.
    client = request.environ.get("gunicorn.socket")
    return getattr(client, "scheme", "http") == "https" and not context().hosts.is_local(request.host)


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")
