"""The caller of a request: one hook finds it before any route runs, and refuses what the route's rule does not allow.

Nothing else decides who may do what, but for what a use case knows alone: who made the thing that it changes.
"""

from collections.abc import Callable, Mapping

from flask import Flask, g, request

from ml_training.api.context import context
from ml_training.api.route_rules import EVERYONE
from ml_training.api.session_cookies import session_header
from ml_training.domain.caller import Caller, Role
from ml_training.domain.errors import Forbidden, Unavailable
from ml_training.logs import get_logger
from ml_training.services.audit import audit_refusal

log = get_logger(__name__)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LONGEST_ROUTE = 200  # characters of it in the audit
NO_ROUTE = Role.VIEWER  # a path without a route tells a stranger nothing, not even that there is no route


def install_caller(app: Flask, rules: Mapping[str, Role | None]) -> None:
    """Find the caller of every request of `app`; rules: of each endpoint."""
    app.before_request(_guard(rules))


def caller() -> Caller:
    """The caller of this request; no open route has one."""
    found: Caller = g.caller
    return found


def is_stranger() -> bool:
    """Whether the sender of this request, to an open route, shows no key of a closed service."""
    return context().access.is_stranger(_authorization() or session_header())


def report_refusal() -> None:
    """Report in the audit that the caller of this request was not allowed what it asked for."""
    found = g.get("caller")
    if found is None or not context().access.may_report(found):
        return
    try:
        audit_refusal(context().resources.database, found, f"{request.method} {request.path}"[:LONGEST_ROUTE])
    except Unavailable as error:
        log.warning("refusal_not_reported", error=str(error))


def _guard(rules: Mapping[str, Role | None]) -> Callable[[], None]:
    def guard() -> None:
        needed = NO_ROUTE if request.endpoint is None else rules[request.endpoint]
        if needed is EVERYONE:
            return
        header, session = _authorization(), session_header()
        is_session = header is None and session is not None
        found = context().access.identify(
            session if is_session else header, address=client_address(), request_id=g.request_id, is_session=is_session
        )
        if is_session and request.method not in SAFE_METHODS and not _names_its_page():
            raise Forbidden("a request with a session must say which page sent it: programs send a key instead")
        g.caller = found
        if not found.role.includes(needed):
            raise Forbidden(f"this needs the role {needed.value}: this key has the role {found.role.value}")

    return guard


def _names_its_page() -> bool:
    # `request_hooks` has refused those that name a foreign one. Every browser names it.
    return any(name in request.headers for name in ("Sec-Fetch-Site", "Origin"))


def client_address() -> str:
    """The address of the client of this request, behind the proxies that are trusted."""
    forwarded_for = request.environ.get("HTTP_X_FORWARDED_FOR", "")
    return context().proxies.client_address(request.remote_addr or "", forwarded_for)


def _authorization() -> str | None:
    found: str | None = request.environ.get("HTTP_AUTHORIZATION")  # request.authorization would parse it for nothing
    return found
