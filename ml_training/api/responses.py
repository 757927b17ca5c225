"""Makes HTTP answers: strict JSON and RFC 9457 problems."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from pydantic import BaseModel

from ml_training.api.response_schemas import PointedError
from ml_training.domain.errors import FieldError
from ml_training.domain.json_pointers import MOST_READ

JSON = "application/json"
PROBLEM = "application/problem+json"
MOST_ERRORS = 1_000  # of one spec: the answer to a bad body must not be many times larger than the body
PROBLEM_TYPE = "urn:ml-training:problem:"


def json_response(
    body: object, status: int = 200, *, headers: Mapping[str, str] | None = None, mimetype: str = JSON
) -> Response:
    """A JSON answer; raises ValueError for NaN, which would not be JSON."""
    return Response(json_text(body).encode(), status, headers, mimetype=mimetype)


def json_text(body: object) -> str:
    """A value as JSON on one line. A schema shows what it was given: fields that are still unset are left out."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_unset=True)
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def no_content() -> Response:
    """204 without a body."""
    return Response(b"", 204)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    retry_after: int | None = None,
    **members: object,
) -> Response:
    """An RFC 9457 answer; `type` is made of the title."""
    body = problem_body(status, title, detail, errors=errors) | members
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return json_response(body, status, headers=headers, mimetype=PROBLEM)


def problem_body(status: int, title: str, detail: str, *, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The members that every problem has; `errors` only when there are some."""
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE + title.lower().replace(" ", "-"),
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [error.model_dump() for error in pointed_errors(errors)]
    if len(errors) > MOST_ERRORS:
        least = "at least " if len(errors) >= MOST_READ else ""
        body["detail"] += f"; of {least}{len(errors):,} reasons these are the first {MOST_ERRORS:,}"
    return body


def pointed_errors(errors: Sequence[FieldError]) -> list[PointedError]:
    """Field errors as they are shown, at most MOST_ERRORS of them."""
    return [PointedError.from_record(error) for error in errors[:MOST_ERRORS]]
