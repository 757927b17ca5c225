"""Requests that wait without a thread: the event loop keeps the connection, and serves the request again later.

A view that has nothing to tell yet asks for it (`park`), and returns the answer of now, which is thrown away. The
worker class keeps the connection; when the request is woken, its bytes are read again as if they had just arrived, and
the view answers whatever it finds then. So caller, role and parameters are checked again after the wait.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from ml_training.api.client_socket import ClientSocket

MOST_PARKED = 200  # of a process: each holds a connection


class Parked(Exception):
    """This request is to be kept; nothing of its answer was sent."""


def park(watch: Callable[[Callable[[], object]], Callable[[], object]]) -> bool:
    """Let this request wait; False when it cannot: too many do, or the server is another one.

    watch: called when the request is kept, with what wakes it, from any thread; returns what ends the watch.
    """
    client = _client(request.environ)
    if client is None or not client.parking.is_allowed or request.content_length:
        return False
    client.parking.watch = watch
    return True


def has_waited() -> bool:
    """Whether this request was kept and is served again: now it must be answered."""
    client = _client(request.environ)
    return client is not None and client.parking.has_waited


def is_parked(environ: Mapping[str, Any]) -> bool:
    """Whether the answer to a request will be thrown away."""
    client = _client(environ)
    return client is not None and client.parking.watch is not None


def parking_app(app: Any) -> Any:
    """The WSGI app whose requests raise Parked instead of an answer when they are to be kept."""

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        pieces = app(environ, start_response)
        if not is_parked(environ):
            return pieces
        if hasattr(pieces, "close"):
            pieces.close()
        raise Parked

    return serve


def _client(environ: Mapping[str, Any]) -> ClientSocket | None:
    client = environ.get("gunicorn.socket")
    return client if isinstance(client, ClientSocket) else None
