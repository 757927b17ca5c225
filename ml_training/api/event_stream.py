"""Server-sent events: a job followed on one connection, which keeps a place in the slow lane until it ends."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from flask import Response, request

from ml_training.api.context import context
from ml_training.api.response_schemas import ResponseSchema, Time, rfc3339
from ml_training.api.responses import json_text
from ml_training.domain.records import JobEvent
from ml_training.domain.states import JobStatus
from ml_training.services.follow import END, News, State, follow_job

MIMETYPE = "text/event-stream"
RETRY = b"retry: 2000\n\n"  # milliseconds until a client comes back after a stream that broke off
KEEP_ALIVE = b": keep-alive\n\n"
SILENCE_SECONDS = 5.0
VANISHED_MILLISECONDS = 30_000
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
    """The other end of a connection; None where the server does not show it."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        if connection is not None and connection.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            # A client that vanished without a word would otherwise keep its place for a quarter of an hour.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MILLISECONDS)

    def has_left(self) -> bool:
        """Whether it has closed its side; perhaps only that one: writing tells."""
        if self._connection is None:
            return False
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


def stream_job(job_id: int, *, after: int) -> Response:
    """The events of a job behind `after`, until its end or until this process drains; raises Unavailable."""
    parts = context()
    peer = Peer(request.environ.get("gunicorn.socket"))
    with ExitStack() as stack:
        stack.enter_context(parts.slow_requests.acquire_stream())
        messages = _messages(
            follow_job(parts.core, job_id, after=after), has_left=peer.has_left, is_draining=parts.is_draining
        )
        response = Response(messages, mimetype=MIMETYPE, headers=HEADERS)
        kept = stack.pop_all()  # until the last byte was sent, or could not be
        response.call_on_close(kept.close)
    return response


def _messages(
    looks: Iterable[list[News]], *, has_left: Callable[[], bool], is_draining: Callable[[], bool]
) -> Iterator[bytes]:
    yield RETRY
    said = time.monotonic()
    for news in looks:
        text = b"".join(map(_message, news))
        if not text and (has_left() or time.monotonic() - said >= SILENCE_SECONDS):
            text = KEEP_ALIVE
        if text:
            yield text
            said = time.monotonic()
        if is_draining():
            return


def _message(news: News) -> bytes:
    kind, body = _event(news)
    data = json_text(body)  # one line: breaks are escaped
    # What is no row of the journal has no id, so that a client resumes behind the last row.
    seq = f"id: {news.seq}\n" if isinstance(news, JobEvent) else ""
    return f"{seq}event: {kind}\ndata: {data}\n\n".encode()


def _event(news: News) -> tuple[str, object]:
    """The kind of an event and its data."""
    if isinstance(news, State):
        return "progress", ProgressEvent.from_record(news)
    if isinstance(news, JobEvent):
        return news.kind, {**news.body, "attempt": news.attempt, "at": rfc3339(news.at)}
    return END, EndEvent.from_record(news)
