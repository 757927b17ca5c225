"""The gunicorn worker class of the API: a client that is slow, silent or does not speak HTTP occupies no thread.

gunicorn's gthread worker gives each new connection a thread for up to 5 s, waits in this thread for the rest of the
head without a limit, and blocks its only event loop for 2 s when it closes a connection. A few clients that never
finish a request then block all others. Here the event loop itself collects the head (and a small body) of each
request, and closes connections without blocking.
"""

import json
import selectors
import socket
import struct
import time
import uuid
from collections import deque
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from ml_training.api.request_buffer import BODY_BYTES, RequestBuffer, RequestState
from ml_training.api.responses import PROBLEM, problem_body

SOCKET_TIMEOUT_SECONDS = 30  # a thread waits this long for the next bytes, in or out
LINGER_SECONDS = 2.0
READ_BYTES = 16 << 10
SOCKET_TIMEOUT = struct.pack("ll", SOCKET_TIMEOUT_SECONDS, 0)
CODES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,  # our defect, not the request of a client
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class ApiWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A gthread worker that gives a thread only to requests that have arrived."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: deque[Any] = deque()

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection a thread when its next request has arrived; only the event loop calls it."""
        if not conn.initialized:
            conn.init()
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_TIMEOUT)
        conn.request_buffer = RequestBuffer()
        state = conn.request_buffer.add(conn.parser.unreader.take_buffered())
        if state is not RequestState.PARTIAL:
            self._dispatch(conn, state)
            return
        conn.sock.setblocking(False)
        conn.set_timeout()  # for the whole request: one more byte does not extend it
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Keep the connection open, or close it so that the client can still read the answer."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close connections that did not send their request, or did not close after the answer, in time."""
        now = time.monotonic()
        while self.pending_conns and self.pending_conns[0].timeout <= now:
            conn = self.pending_conns.popleft()
            self.poller.unregister(conn.sock)
            if conn.request_buffer.take():
                self._send_problem(conn.sock, HTTPStatus.REQUEST_TIMEOUT)
            self._linger(conn)
        while self._lingering and self._lingering[0].timeout <= now:
            self._drop(self._lingering.popleft())

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the app with a problem too, then close the connection."""
        default = HTTPStatus.BAD_REQUEST if isinstance(exc, errors.ParseException) else HTTPStatus.INTERNAL_SERVER_ERROR
        status = CODES.get(type(exc), default)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.exception("Error handling request")
        else:
            self.log.debug("Invalid request: %s", ascii(str(exc))[:200])
        self._send_problem(client, status)

    def _receive(self, conn: Any, client: Any) -> None:
        data = _received(client)
        state = conn.request_buffer.add(data) if data else conn.request_buffer.end()
        if state is not RequestState.PARTIAL:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._dispatch(conn, state)

    def _dispatch(self, conn: Any, state: RequestState) -> None:
        if state is RequestState.READY:
            conn.parser.unreader.unread(conn.request_buffer.take())
            super().enqueue_req(conn)
            return
        if state is RequestState.TOO_LARGE:
            self._send_problem(conn.sock, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        self._linger(conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        # Do not wait for the part of a body that the app did not read: if it is not all here, close the connection.
        if not keepalive:
            return False
        conn.sock.setblocking(False)
        try:
            return bool(conn.parser.finish_body(max_bytes=BODY_BYTES))
        except BlockingIOError:
            return False

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once at a graceful stop: connections without a request get no more time than `deadline`."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _linger(self, conn: Any) -> None:
        """Half-close and discard further input: a full close would reset the connection before the answer is read."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # closed already
            self._close(conn)
            return
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering.append(conn)

    def _discard(self, conn: Any, client: Any) -> None:
        if not _received(client):
            self._lingering.remove(conn)
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _send_problem(self, client: Any, status: HTTPStatus) -> None:
        try:
            util.write_nonblock(client, raw_problem(status))
        except OSError:  # the client has gone
            self.log.debug("Failed to send error message.")


def _received(client: Any) -> bytes:
    """The bytes that a readable socket has; empty when the client has gone."""
    try:
        data: bytes = client.recv(READ_BYTES)
    except OSError:
        return b""
    return data


def raw_problem(status: HTTPStatus) -> bytes:
    """A complete HTTP answer for errors that never reach the app."""
    is_defect = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    detail = status.description if is_defect else "this is not an HTTP request that the service can read"
    request_id = uuid.uuid4().hex
    body = json.dumps(problem_body(status, status.phrase, detail) | {"request_id": request_id})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: {PROBLEM}\r\n"
        f"X-Request-Id: {request_id}\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
