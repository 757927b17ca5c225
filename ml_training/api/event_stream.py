"""Server-sent events of one job; the stream holds a slow-request permit until it ends."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from flask import Response, request

from ml_training.api.context import context, resources
from ml_training.api.response_schemas import ResponseSchema, Time, rfc3339
from ml_training.api.responses import json_text
from ml_training.domain.records import JobEvent
from ml_training.domain.states import JobStatus
from ml_training.services.job_updates import END, JobUpdate, StateUpdate, follow_job

MIMETYPE = "text/event-stream"
# One event, as the later OpenAPI 3.2 describes such streams; the page about the API lists the fields of the data.
EVENT_SCHEMA = {
    "title": "JobEventMessage",
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "scores", "log", "end"]},
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "the seq of a job event, for Last-Event-ID"},
        "data": {"type": "string", "description": "one JSON object"},
        "retry": {"type": "integer", "description": "milliseconds"},
    },
}
RETRY = b"retry: 2000\n\n"  # milliseconds until a client reconnects after a broken connection
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_SECONDS = 5.0
TCP_TIMEOUT_MILLISECONDS = 30_000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class ProgressEvent(ResponseSchema):
    """The data of an event `progress`: how far the job is now."""

    status: JobStatus
    progress: float
    progress_message: str
    eta_seconds: float | None
    attempt: int


class EndEvent(ResponseSchema):
    """The data of an event `end` that is not a row of the journal."""

    status: JobStatus
    attempt: int
    at: Time


class Peer:
    """The client of a connection; `connection` is None when the server does not give access to the socket."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        if connection is not None and connection.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            # Without it a client that vanished, and never closed the connection, keeps its permit for 15 minutes.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_TIMEOUT_MILLISECONDS)

    def has_left(self) -> bool:
        """Whether the client closed its sending side. It may still read: only a failed write proves that it left."""
        if self._connection is None:
            return False
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def stream_job(job_id: int, *, after: int) -> Response:
    """The events of a job after the row `after`, until the job ends or this process drains; raises Unavailable."""
    parts = context()
    peer = Peer(request.environ.get("gunicorn.socket"))
    with ExitStack() as stack:
        stack.enter_context(parts.slow_requests.acquire_stream())
        messages = _messages(
            follow_job(resources(), job_id, after=after), has_left=peer.has_left, is_draining=parts.is_draining
        )
        response = Response(messages, mimetype=MIMETYPE, headers=HEADERS)
        kept = stack.pop_all()  # until the last byte was sent, or sending failed
        response.call_on_close(kept.close)
    return response


def _messages(
    polls: Iterable[list[JobUpdate]], *, has_left: Callable[[], bool], is_draining: Callable[[], bool]
) -> Iterator[bytes]:
    yield RETRY
    last_write = time.monotonic()
    for updates in polls:
        text = b"".join(map(_message, updates))
        if not text and (has_left() or time.monotonic() - last_write >= KEEP_ALIVE_SECONDS):
            text = KEEP_ALIVE
        if text:
            yield text
            last_write = time.monotonic()
        if is_draining():
            return


def _message(update: JobUpdate) -> bytes:
    kind, body = _event(update)
    data = json_text(body)  # one line: line breaks are escaped
    # Only job events have an id, so a client that reconnects resumes after the last one that it got.
    seq = f"id: {update.seq}\n" if isinstance(update, JobEvent) else ""
    return f"{seq}event: {kind}\ndata: {data}\n\n".encode()


def _event(update: JobUpdate) -> tuple[str, object]:
    """The kind of an event and its data."""
    if isinstance(update, StateUpdate):
        return "progress", ProgressEvent.from_record(update)
    if isinstance(update, JobEvent):
        return update.kind, {**update.body, "attempt": update.attempt, "at": rfc3339(update.at)}
    return END, EndEvent.from_record(update)
