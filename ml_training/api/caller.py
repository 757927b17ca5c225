"""The caller of a request: a hook finds it before any route runs, and every route and use case reads it here."""

from flask import Flask, g, request

from ml_training.domain.caller import DEFAULT_PROJECT_ID, Caller, Role


def install_caller(app: Flask) -> None:
    """Find the caller of every request of `app`."""
    app.before_request(_find)


def caller() -> Caller:
    """The caller of this request."""
    found: Caller = g.caller
    return found


def _find() -> None:
    g.caller = Caller(
        key_id=None,
        role=Role.ADMIN,
        project_id=DEFAULT_PROJECT_ID,
        address=request.remote_addr or "",
        request_id=g.request_id,
    )
