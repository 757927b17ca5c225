"""API keys: make, list, revoke; for admins."""

import re
from datetime import datetime
from typing import Annotated

from flask import Response
from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from ml_training.api.caller import caller
from ml_training.api.context import PREFIX, context, resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import PageParameters
from ml_training.api.request_schemas import RequestSchema
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response, no_content
from ml_training.domain.api_keys import NAME_CHARACTERS
from ml_training.domain.caller import Role
from ml_training.domain.errors import Invalid, NotFound
from ml_training.domain.json_pointers import field_errors
from ml_training.services import keys as service
from ml_training.services import queries

keys = blueprint("keys", "Who may use the service")


def _text(value: object) -> object:
    # pydantic would also read a number as Unix seconds.
    if value is not None and not isinstance(value, str | datetime):
        raise ValueError("must be a time such as 2027-01-31T12:00:00Z")
    return value


class KeyRequest(RequestSchema):
    """A key to make."""

    name: str = Field(min_length=1, max_length=NAME_CHARACTERS, description="who or what will use it")
    role: Role
    project: str = service.DEFAULT_PROJECT
    expires_at: Annotated[AwareDatetime | None, BeforeValidator(_text)] = Field(
        None, description="RFC 3339; null: it does not expire"
    )


class KeyInfo(ResponseSchema):
    """What is known about a key; not its secret."""

    id: str = Field(validation_alias="key_id", description="its public part: mlt_<id>_<secret>")
    name: str
    role: Role
    project_id: int
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None = Field(description="to a minute")
    person_id: str | None = Field(description="who signed in: this is a session, not a key; null: a key")


class NewKey(KeyInfo):
    """A key that was just made."""

    key: str = Field(description="with its secret, which is shown in this answer only")


class KeyPage(ResponseSchema):
    """Keys, newest first; revoked and expired ones too."""

    items: list[KeyInfo]
    next_cursor: Cursor


class KeyPath(RequestSchema):
    """The address of a key."""

    key_id: str = Field(pattern="^[0-9a-f]{12}$")


@keys.post("", responses={201: NewKey, **problems(400, 413, 415)})
@documented(Role.ADMIN, body=KeyRequest)
def create(body: object) -> Response:
    """Make a key. The first one closes the service: from then on every request needs a key."""
    try:
        wanted = KeyRequest.model_validate(body)
    except ValidationError as error:
        raise Invalid("the key cannot be made", errors=field_errors(error, body)) from None
    made = service.create_key(
        resources().database,
        caller(),
        name=wanted.name,
        role=wanted.role,
        project=wanted.project,
        expires_at=None if wanted.expires_at is None else wanted.expires_at.timestamp(),
    )
    context().access.keys.forget()
    return json_response(NewKey.from_record(made), 201, headers={"Location": f"{PREFIX}/keys/{made.key_id}"})


@keys.get("", responses={200: KeyPage})
@documented(Role.ADMIN, query=PageParameters)
def list_all(query: PageParameters) -> Response:
    """Keys, newest first; revoked and expired ones too."""
    return json_response(KeyPage.from_record(queries.list_keys(resources(), **query.model_dump())))


@keys.delete("/<key_id>", responses={204: None, **problems(404, 409)})
@documented(Role.ADMIN, path=KeyPath)
def revoke(key_id: str) -> Response:
    """Revoke a key for good; within about a second no process accepts it."""
    if not re.fullmatch("[0-9a-f]{12}", key_id):
        raise NotFound("there is no such key")
    service.revoke_key(resources().database, caller(), key_id)
    context().access.keys.forget()
    return no_content()
