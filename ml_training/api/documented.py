"""Routes that flask-openapi3 documents and that parse for themselves.

The library would validate with pydantic's coercions and last-key-wins JSON. So a view carries its models as
annotations, from which the document is made, and is marked as one that validates later: which it does here.
"""

from collections.abc import Callable
from functools import cache, wraps
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ml_training.api.body import read_json
from ml_training.api.context import PREFIX, resources
from ml_training.api.respond import PROBLEM
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.spec_fields import Id

Handler = Callable[..., Response]
Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]


class Query(BaseModel):
    """Base of all queries: closed. This one has no parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def blueprint(noun: str, description: str, *, path: str | None = None) -> APIBlueprint:
    """The blueprint of one noun, below /api/v1; every route may answer 422, 500 and 503."""
    tag = Tag(name=noun, description=description)
    return APIBlueprint(
        noun.replace("-", "_"), __name__, url_prefix=f"{PREFIX}/{path or noun}", abp_tags=[tag],
        abp_responses=problems(422, 500, 503),
    )  # fmt: skip


def problems(*codes: int) -> Responses:
    """Responses of a route that are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {code: {"content": {PROBLEM: {"schema": schema}}} for code in codes}


def documented(
    *,
    path: str | None = None,
    query: type[Query] = Query,
    body: type[BaseModel] | None = None,
    header: type[BaseModel] | None = None,
) -> Callable[[Handler], Handler]:
    """Document a handler and parse for it.

    path: the name of the id in the route. query: always parsed, passed as `query` when the route has one. body: the
    documented model; the handler gets the strict JSON value as `body`. header: documented only.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def view(**arguments: Any) -> Response:
            parsed = read_query(query)
            if query is not Query:
                arguments["query"] = parsed
            if body is not None:
                arguments["body"] = read_json(resources().limits)
            return handler(**arguments)

        models = {"path": path and _path_model(path), "query": query, "body": body, "header": header}
        view.__annotations__ = {name: model for name, model in models.items() if model and model is not Query}
        view.__delay_validate_request__ = True  # type: ignore[attr-defined]  # the library's own mark
        return view

    return decorate


def read_query(model: type[Query]) -> Query:
    """The query of this request; raises Invalid for an unknown, repeated or wrong parameter."""
    repeated = tuple(
        FieldError(f"/{name}", "stands twice: keep one") for name, values in request.args.lists() if len(values) > 1
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
