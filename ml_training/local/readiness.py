"""Checks whether a process of the stack is ready: the answer must name the process that was started.

An open port is no proof: another server on it would answer for a child that died of "address already in use".
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import httpx

from ml_training.db.engine import Database
from ml_training.db.heartbeats import list_heartbeats
from ml_training.domain.errors import Unavailable

TIMEOUT_SECONDS = 1.0
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
        response = _http().get(url)
        document = response.json() if response.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return document if isinstance(document, dict) else None


def describe_server(url: str) -> str:
    """A short description of the server at `url`, for the message that its port is taken."""
    try:
        response = _http().get(url)
    except httpx.ConnectError:
        return NOTHING_LISTENS
    except (httpx.HTTPError, httpx.InvalidURL):
        return "it does not answer HTTP"
    server = response.headers.get("server", "a server without a name")
    return f"it answers HTTP {response.status_code} as {server[:60]}"


@cache
def _http() -> httpx.Client:
    # Never through a proxy: these URLs are on this machine. Its certificate has another name; the process id is the
    # proof, and nothing secret is sent.
    return httpx.Client(
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
        verify=False,  # noqa: S501 - see above
        limits=httpx.Limits(max_keepalive_connections=0),
    )
