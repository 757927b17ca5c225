"""Checks whether a process of the stack is ready: the answer must name the process that was started.

An open port is no proof: another server on it would answer for a child that died of "address already in use".
"""

import json
import ssl
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ml_training.db.engine import Database
from ml_training.db.heartbeats import list_heartbeats
from ml_training.domain.errors import Unavailable

TIMEOUT_SECONDS = 1.0
LONGEST_ANSWER = 64 << 10
NOTHING_LISTENS = "nothing listens there"
ReadyCheck = Callable[[int], bool]  # of a process id


def http_ready(url: str, *, field: str) -> ReadyCheck:
    """Ready once `url` answers with a JSON object in which `field` is the process id."""

    def ready(pid: int) -> bool:
        answer = get_json(url)
        return answer is not None and answer.get(field) == pid

    return ready


def heartbeat_ready(database: Database, *, kind: str, within_seconds: float) -> ReadyCheck:
    """Ready once the database holds a recent heartbeat of `kind` from the process id.

    A worker is ready when a child of it can take a job, not when it has started.
    """

    def ready(pid: int) -> bool:
        try:
            with database.read() as connection:
                rows = list_heartbeats(connection, kind=kind, within_seconds=within_seconds)
        except Unavailable:
            return False
        finally:
            database.dispose()  # a process that is forked later must not inherit its connection
        return any(row.body.get("pid") == pid and row.body.get("ready", True) for row in rows)

    return ready


def get_json(url: str) -> dict[str, Any] | None:
    """The JSON object that `url` returns with status 200 within TIMEOUT_SECONDS, else None."""
    try:
        status, _, body = _get(url)
        document = json.loads(body) if status == HTTPStatus.OK else None
    except (OSError, HTTPException, ValueError):
        return None
    return document if isinstance(document, dict) else None


def describe_server(url: str) -> str:
    """A short description of the server at `url`, for the message that its port is taken."""
    try:
        status, server, _ = _get(url)
    except ConnectionRefusedError:
        return NOTHING_LISTENS
    except (OSError, HTTPException, ValueError):
        return "it does not answer HTTP"
    return f"it answers HTTP {status} as {server[:60]}"


def _get(url: str) -> tuple[int, str, bytes]:
    """Status, name of the server and the first LONGEST_ANSWER bytes; the client of `http`, which loads in no time."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        HTTPSConnection(host, parts.port, timeout=TIMEOUT_SECONDS, context=_any_certificate())
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=TIMEOUT_SECONDS)
    )
    with closing(connection):
        connection.request("GET", urlunsplit(("", "", parts.path or "/", parts.query, "")))
        answer = connection.getresponse()
        return answer.status, answer.headers.get("server", "a server without a name"), answer.read(LONGEST_ANSWER)


def _any_certificate() -> ssl.SSLContext:
    # Its certificate has another name than this machine's; the process id is the proof, and nothing secret is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
