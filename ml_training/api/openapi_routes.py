"""Routes that flask-openapi3 documents, but whose requests this module parses.

The library would validate with pydantic's coercions, and of repeated JSON keys it would take the last one. So a view
function carries its models as annotations, from which the library makes the document, and a mark that tells the
library not to validate.
"""

from collections.abc import Callable
from functools import cache, wraps
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ml_training.api.context import PREFIX, resources
from ml_training.api.request_body import read_body, turn_for
from ml_training.api.responses import PROBLEM
from ml_training.api.route_rules import allow
from ml_training.domain.caller import Role
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.spec_fields import Id
from ml_training.domain.strict_json import parse

ViewFunction = Callable[..., Response]
Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]


class QueryParameters(BaseModel):
    """Base of all query parameters: an unknown parameter is an error. This class has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def blueprint(name: str, description: str, *, path: str | None = None) -> APIBlueprint:
    """The blueprint of one resource, below /api/v1; every route may answer 421, 422, 500 and 503."""
    tag = Tag(name=name, description=description)
    return APIBlueprint(
        name.replace("-", "_"),
        __name__,
        url_prefix=f"{PREFIX}/{path or name}",
        abp_tags=[tag],
        abp_responses=problems(421, 422, 500, 503),
    )


def problems(*codes: int) -> Responses:
    """The OpenAPI responses of these status codes, each a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {code: {"content": {PROBLEM: {"schema": schema}}} for code in codes}


def documented(
    role: Role | None,
    *,
    path: str | type[BaseModel] | None = None,
    query: type[QueryParameters] = QueryParameters,
    body: type[BaseModel] | None = None,
    header: type[BaseModel] | None = None,
) -> Callable[[ViewFunction], ViewFunction]:
    """Document a view function, say who may call it, and parse its requests.

    role: the least role that the route needs, or EVERYONE for one that is open to all.
    path: the name of the id in the route, or the documented model of another part of it. query: always parsed, passed
    as `query` when the route has one. body: the documented model; the view function gets the strict JSON value as
    `body`. header: documented only.
    """

    def decorate(function: ViewFunction) -> ViewFunction:
        @wraps(function)
        def view(**arguments: Any) -> Response:
            parsed = read_query(query)
            if query is not QueryParameters:
                arguments["query"] = parsed
            if body is None:
                return function(**arguments)
            data = read_body()
            with turn_for(data):
                return function(**arguments, body=parse(data, max_depth=resources().limits.json_depth))

        models = {
            "path": _path_model(path) if isinstance(path, str) else path,
            "query": query,
            "body": body,
            "header": header,
        }
        view.__annotations__ = {name: model for name, model in models.items() if model and model is not QueryParameters}
        view.__delay_validate_request__ = True  # type: ignore[attr-defined]  # the library's own mark
        return allow(role)(view)

    return decorate


def read_query(model: type[QueryParameters]) -> QueryParameters:
    """The query parameters of this request; raises Invalid for an unknown, repeated or wrong parameter."""
    repeated = tuple(
        FieldError(f"/{name}", "is given twice: keep one") for name, values in request.args.lists() if len(values) > 1
    )
    given = request.args.to_dict()
    try:
        query = model.model_validate(given)
    except ValidationError as error:
        raise Invalid("wrong query", errors=repeated + field_errors(error, given)) from None
    if repeated:
        raise Invalid("wrong query", errors=repeated)
    return query


@cache
def _path_model(name: str) -> type[BaseModel]:
    return create_model(f"Path_{name}", **{name: (Id, ...)})  # type: ignore[call-overload, no-any-return]
