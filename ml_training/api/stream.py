"""Server-sent events: a job followed on one connection, which keeps a place in the slow lane until it ends."""

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from flask import Response, request

from ml_training.api import render
from ml_training.api.context import context
from ml_training.domain.records import JobEvent
from ml_training.services.job_updates import JobUpdate, follow_job

MIMETYPE = "text/event-stream"
RETRY = b"retry: 2000\n\n"  # milliseconds until a client comes back after a stream that broke off
KEEP_ALIVE = b": keep-alive\n\n"
SILENCE_SECONDS = 5.0
VANISHED_MILLISECONDS = 30_000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


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
        stack.enter_context(parts.lane.enter_stream())
        messages = _messages(
            follow_job(parts.resources, job_id, after=after), has_left=peer.has_left, is_draining=parts.is_draining
        )
        response = Response(messages, mimetype=MIMETYPE, headers=HEADERS)
        kept = stack.pop_all()  # until the last byte was sent, or could not be
        response.call_on_close(kept.close)
    return response


def _messages(
    looks: Iterable[list[JobUpdate]], *, has_left: Callable[[], bool], is_draining: Callable[[], bool]
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


def _message(news: JobUpdate) -> bytes:
    kind, body = render.news(news)
    data = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))  # one line: breaks are escaped
    # What is no row of the journal has no id, so that a client resumes behind the last row.
    seq = f"id: {news.seq}\n" if isinstance(news, JobEvent) else ""
    return f"{seq}event: {kind}\ndata: {data}\n\n".encode()
