"""The two cookies of people who sign in: one from the button until the provider's answer, one for the session.

Neither is readable by scripts or sent by other sites. With HTTPS they have the prefix `__Host-`, so that no other host
can set them (RFC 6265bis, 4.1.3.2), and are sent encrypted only.
"""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass

from flask import Response, request

from ml_training.api.context import context

SESSION, ATTEMPT = "ml_training_session", "ml_training_sign_in"
ATTEMPT_SECONDS = 600
CONSOLE = "/console/"
_PLACE = re.compile(r"/console/(?!/)[A-Za-z0-9_.~/?&=%:,+-]{0,1000}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What this browser must still know when the provider answers. place: where in the console it goes then."""

    state: str
    nonce: str
    verifier: str
    place: str

    @classmethod
    def new(cls, place: str) -> "Attempt":
        """256 random bits for each."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, own_place(place))


def own_place(place: str) -> str:
    """An address within the console; its first page for any other."""
    return place if _PLACE.fullmatch(place) and "//" not in place and ".." not in place else CONSOLE


def session_header() -> str | None:
    """The Authorization header in whose place a cookie is; None without one, or where nobody signs in."""
    if context().provider is None:
        return None
    value = request.cookies.get(_name(SESSION))
    return None if value is None else f"Bearer {value}"


def read_attempt() -> Attempt | None:
    """The attempt that this browser began, if it is still there."""
    try:
        found = json.loads(urlsafe_b64decode(request.cookies.get(_name(ATTEMPT), "")))
        attempt = Attempt(**found)
    except (ValueError, TypeError):
        return None
    return attempt if all(isinstance(value, str) and value for value in found.values()) else None


def set_attempt(response: Response, attempt: Attempt) -> None:
    """Let the browser keep it until the provider has answered."""
    _set(response, ATTEMPT, urlsafe_b64encode(json.dumps(asdict(attempt)).encode()).decode(), ATTEMPT_SECONDS)


def set_session(response: Response, key: str, seconds: float) -> None:
    """Let the browser keep a session until it expires."""
    _set(response, SESSION, key, int(seconds))


def forget_attempt(response: Response) -> None:
    """It is used once, whatever comes of it."""
    _set(response, ATTEMPT, "", 0)


def forget_session(response: Response) -> None:
    """The person has signed out."""
    _set(response, SESSION, "", 0)


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    # Lax, not Strict: the provider's answer is a link from another site.
    response.set_cookie(
        _name(name), value, max_age=seconds, path="/", secure=_is_encrypted(), httponly=True, samesite="Lax"
    )


def _name(name: str) -> str:
    return f"__Host-{name}" if _is_encrypted() else name


def _is_encrypted() -> bool:
    provider = context().provider
    return provider is not None and provider.is_encrypted
