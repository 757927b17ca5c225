"""The sign-in of people with OpenID Connect: what the console shows, the way to the provider and back, and the end."""

import hmac

from flask import Response, g
from pydantic import ConfigDict, Field

from ml_training.api.caller import caller, client_address
from ml_training.api.context import context
from ml_training.api.openapi_routes import QueryParameters, blueprint, documented, problems
from ml_training.api.response_schemas import ResponseSchema, Time
from ml_training.api.responses import json_response, no_content
from ml_training.api.route_rules import EVERYONE
from ml_training.api.session_cookies import (
    CONSOLE,
    Attempt,
    forget_attempt,
    forget_session,
    read_attempt,
    session_header,
    set_attempt,
    set_session,
)
from ml_training.domain.caller import Role
from ml_training.domain.errors import Conflict
from ml_training.domain.sign_in import SignInFailed, SignInTrouble
from ml_training.logs import get_logger
from ml_training.services import sign_in as service
from ml_training.services.identity_provider import IdentityProvider

log = get_logger(__name__)
sign_in = blueprint("sign-in", "People sign in with OpenID Connect, where the operator has set it up")
SEE_OTHER = 303


class SignedIn(ResponseSchema):
    """The person of a session."""

    name: str
    role: Role
    expires_at: Time | None


class SignIn(ResponseSchema):
    """How people sign in."""

    provider: str | None = Field(description="what the button names; null: there are API keys only")
    person: SignedIn | None = Field(description="who has signed in in this browser")


class StartParameters(QueryParameters):
    """Where the person wants to be."""

    place: str = Field(CONSOLE, max_length=2_000, description="an address within the console")


class AnswerParameters(QueryParameters):
    """What the provider sends; it may send more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str | None = Field(None, max_length=4_000)
    state: str | None = Field(None, max_length=200)
    iss: str | None = Field(None, max_length=2_000)
    error: str | None = Field(None, max_length=200)


@sign_in.get("", responses={200: SignIn})
@documented(EVERYONE)
def show() -> Response:
    """How people sign in here, and who has in this browser."""
    provider, header = context().provider, session_header()
    session = None if header is None else context().access.session(header)
    person = None if session is None else SignedIn(name=session.name, role=session.role, expires_at=session.expires_at)
    return json_response(SignIn(provider=None if provider is None else provider.name, person=person))


@sign_in.get("/start", responses={SEE_OTHER: None, **problems(409)})
@documented(EVERYONE, query=StartParameters)
def start(query: StartParameters) -> Response:
    """Send the browser to the provider; when that is away, back to the console, which says so."""
    attempt = Attempt.new(query.place)
    try:
        address = _provider().authorization_url(state=attempt.state, nonce=attempt.nonce, verifier=attempt.verifier)
    except SignInFailed as error:
        return _failed(error)
    response = _go_to(address)
    set_attempt(response, attempt)
    return response


@sign_in.get("/callback", responses={SEE_OTHER: None, **problems(409)})
@documented(EVERYONE, query=AnswerParameters)
def callback(query: AnswerParameters) -> Response:
    """Take the provider's answer: a session and the console, or the console with the reason why not."""
    provider = _provider()
    try:
        response = _answered(provider, query)
    except SignInFailed as error:
        response = _failed(error)
    forget_attempt(response)
    return response


@sign_in.delete("", responses={204: None, **problems(409)})
@documented(Role.VIEWER)
def end() -> Response:
    """Sign out: the session of this browser ends. The person stays signed in with the provider."""
    header = session_header()
    session = None if header is None else context().access.session(header)
    if session is None:
        raise Conflict("this request shows an API key: only a session can be ended; an admin revokes keys")
    service.end_session(context().resources.database, caller(), session.key_id)
    context().access.keys.forget()
    response = no_content()
    forget_session(response)
    return response


def _answered(provider: IdentityProvider, query: AnswerParameters) -> Response:
    attempt = read_attempt()
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), (query.state or "").encode()):
        raise SignInFailed(SignInTrouble.STATE, "this browser has not begun this sign-in, or too long ago")
    if query.error is not None or query.code is None:
        raise SignInFailed(SignInTrouble.DENIED, f"the provider says {query.error!a}")
    person = provider.identify(query.code, verifier=attempt.verifier, nonce=attempt.nonce, issuer=query.iss)
    session = service.open_session(
        context().resources.database,
        person,
        provider.rules,
        seconds=provider.session_seconds,
        address=client_address(),
        request_id=g.request_id,
    )
    context().access.keys.forget()
    response = _go_to(attempt.place)
    set_session(response, session.key, provider.session_seconds)
    return response


def _provider() -> IdentityProvider:
    found = context().provider
    if found is None:
        raise Conflict("nobody signs in here: send an API key, or set ML_TRAINING_OIDC_ISSUER")
    return found


def _failed(error: SignInFailed) -> Response:
    log.warning("not_signed_in", why=error.trouble.value, detail=str(error), address=client_address())
    return _go_to(f"{CONSOLE}sign-in?trouble={error.trouble.value}")


def _go_to(address: str) -> Response:
    return Response(status=SEE_OTHER, headers={"Location": address})
