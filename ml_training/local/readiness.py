"""Whether a part of the stack works, proved by an answer that names the very process that was started.

A port alone proves nothing: a foreign server on it answers for a child that died of "address already in use".
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import httpx

from ml_training.db.engine import Database
from ml_training.db.heartbeats import list_heartbeats
from ml_training.domain.errors import Unavailable

PROBE_SECONDS = 1.0
NOBODY = "nothing listens there"
Ready = Callable[[int], bool]


def answers_with(url: str, *, field: str) -> Ready:
    """Ready once `url` answers JSON whose `field` is the process id."""

    def ready(pid: int) -> bool:
        answer = probe(url)
        return answer is not None and answer.get(field) == pid

    return ready


def beats(database: Database, *, kind: str, within_seconds: float) -> Ready:
    """Ready once the database holds a fresh heartbeat of `kind` from the process id."""

    def ready(pid: int) -> bool:
        try:
            with database.read() as connection:
                rows = list_heartbeats(connection, kind=kind, within_seconds=within_seconds)
        except Unavailable:
            return False
        return any(row.body.get("pid") == pid for row in rows)

    return ready


def probe(url: str) -> dict[str, Any] | None:
    """The JSON object that `url` answers with 200 within a second, else None."""
    try:
        response = _http().get(url)
        document = response.json() if response.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return document if isinstance(document, dict) else None


def who_answers(url: str) -> str:
    """A few words about whatever serves `url`, for the message that its port is taken."""
    try:
        response = _http().get(url)
    except httpx.ConnectError:
        return NOBODY
    except (httpx.HTTPError, httpx.InvalidURL):
        return "it does not answer HTTP"
    server = response.headers.get("server", "a server without a name")
    return f"it answers HTTP {response.status_code} as {server[:60]}"


@cache
def _http() -> httpx.Client:
    # Made once, since each one loads the certificates anew. Never by way of a proxy: this is about this machine.
    return httpx.Client(timeout=PROBE_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
