"""The gunicorn worker class of the API: a client that is slow, silent or does not speak HTTP occupies no thread.

gunicorn's gthread worker gives each new connection a thread for up to 5 s, waits in this thread for the rest of the
head without a limit, and blocks its only event loop for 2 s when it closes a connection. A few clients that never
finish a request then block all others. Here the event loop itself collects the head (and a small body) of each
request, sends what a client does not take at once, and closes connections without blocking. A new client is never
kept out by silent ones: the oldest of them is disconnected.
"""

import errno
import json
import selectors
import socket
import struct
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.exceptions import HTTPException

from ml_training.api.client_socket import ClientSocket, Parking, TlsClientSocket
from ml_training.api.parked_requests import MOST_PARKED, Parked, parking_app
from ml_training.api.request_buffer import BODY_BYTES, RequestBuffer, RequestState
from ml_training.api.request_stream import RequestStream
from ml_training.api.responses import PROBLEM, problem_body
from ml_training.api.unsent_answers import UnsentAnswers
from ml_training.domain.errors import ServiceError
from ml_training.process.certificate import ServerCertificate

SOCKET_TIMEOUT_SECONDS = 30  # a thread waits this long for the next bytes of a body
LINGER_SECONDS = 2.0
SOCKET_TIMEOUT = struct.pack("ll", SOCKET_TIMEOUT_SECONDS, 0)
CODES: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,  # our defect, not the request of a client
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}
NO_CONNECTION = frozenset({errno.EAGAIN, errno.ECONNABORTED})  # the client has gone, or another process was faster
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class ApiWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A gthread worker that gives a thread only to requests that have arrived."""

    certificate: ServerCertificate | None = None  # of TLS; set by the server for all its workers

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: deque[Any] = deque()
        self._parked: dict[Any, Callable[[], object]] = {}  # each with what ends its watch

    def run(self) -> None:
        """The event loop."""
        self.wsgi: Any = parking_app(self.wsgi)
        self._unsent = UnsentAnswers(self.poller, self._answer_ended)
        super().run()

    def accept(self, listener: Any) -> None:
        """Take a new connection; when there are too many, disconnect the one that has been silent for longest."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in NO_FILES:
                self._drop_silent(None)
            elif error.errno not in NO_CONNECTION:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, self._client_socket(accepted), address, listener.getsockname())
        conn.finished = None
        conn.sock.on_unsent = partial(self.method_queue.defer, self._unsent.add, conn)
        try:
            self.enqueue_req(conn)
        except OSError:  # the client has gone already
            self._close(conn)
        if self.nr_conns >= self.worker_connections:
            self._drop_silent(conn)

    def _client_socket(self, accepted: socket.socket) -> ClientSocket:
        return ClientSocket(accepted) if self.certificate is None else TlsClientSocket(accepted, self.certificate)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection a thread when its next request has arrived; only the event loop calls it."""
        if not conn.initialized:
            conn.init()
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, SOCKET_TIMEOUT)
        conn.request_buffer = RequestBuffer()
        conn.sock.parking = Parking(is_allowed=len(self._parked) < MOST_PARKED)
        state = conn.request_buffer.add(conn.parser.unreader.take_buffered())
        if state is not RequestState.PARTIAL:
            self._dispatch(conn, state)
            return
        conn.sock.setblocking(False)
        conn.set_timeout()  # for the whole request: one more byte does not extend it
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Once the answer is sent, keep the connection open, or close it so that the client can still read it."""
        if beyond := conn.sock.take_received():
            unreader = conn.parser.unreader
            unreader.unread(unreader.take_buffered() + beyond)
        if conn.sock.is_broken:
            self._close(conn)
        elif conn.sock.unsent:
            conn.finished = fs
        elif not fs.cancelled() and fs.exception() is None and fs.result() is Parked:
            self._park(conn)
        elif fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Run the app; it reads the body through a stream that knows whose errors its errors are."""
        req.body = RequestStream(req)
        if conn.sock.scheme == "https":  # else a proxy on this machine may have said so
            req.scheme = "https"
        try:
            return super().handle_request(req, conn)
        except Parked:
            return Parked

    def murder_pending(self) -> None:
        """Close connections that did not send their request, take no answer, or did not close after it, in time."""
        self._unsent.give_up_stalled()
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
        if data is None:
            return
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

    def _park(self, conn: Any) -> None:
        """Keep a request without a thread until its watch wakes it, or its client sends more or nothing any more."""
        watch, conn.sock.parking.watch = conn.sock.parking.watch, None
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._interrupt, conn))
        self._parked[conn] = watch(partial(self.method_queue.defer, self._serve_again, conn))
        if conn.parser.unreader.buf.getvalue():  # the next request is here already
            self._serve_again(conn)

    def _interrupt(self, conn: Any, client: Any) -> None:
        data = _received(client)
        if data is not None:
            conn.request_buffer.add(data)
            self._serve_again(conn)

    def _serve_again(self, conn: Any) -> None:
        end_watch = self._parked.pop(conn, None)
        if end_watch is None:
            return
        end_watch()
        self.poller.unregister(conn.sock)
        conn.sock.parking = Parking(has_waited=True)
        conn.parser.mesg = None  # as if the request had just arrived
        conn.parser.unreader.take_buffered()
        conn.parser.unreader.unread(conn.request_buffer.take())
        super().enqueue_req(conn)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> Any:
        # Do not wait for the part of a body that the app did not read: if it is not all here, close the connection.
        if not keepalive or keepalive is Parked:
            return keepalive
        conn.sock.setblocking(False)
        try:
            return bool(conn.parser.finish_body(max_bytes=BODY_BYTES))
        except (BlockingIOError, ServiceError, HTTPException):  # what RequestStream raises: it is answered already
            return False

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once at a graceful stop: connections without a request get no more time than `deadline`."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _answer_ended(self, conn: Any) -> None:
        if conn.finished is not None:
            finished, conn.finished = conn.finished, None
            self.finish_request(conn, finished)

    def _drop_silent(self, newest: Any) -> None:
        """Make room: of those that wait for a request, then of those that were answered, the oldest one goes."""
        for waiting in (self.pending_conns, self.keepalived_conns, self._lingering):
            if waiting and waiting[0] is not newest:
                self._drop(waiting.popleft())
                return

    def _linger(self, conn: Any) -> None:
        """Half-close and discard further input: a full close would reset the connection before the answer is read."""
        if conn.sock.unsent:  # an error of a client that has not read its answer before
            self._close(conn)
            return
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
        if _received(client) == b"":
            self._lingering.remove(conn)
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        self._unsent.forget(conn)
        if conn.sock.unsent:
            conn.sock.give_up()
        conn.close()

    def _send_problem(self, client: Any, status: HTTPStatus) -> None:
        try:
            client.sendall(raw_problem(status))
        except OSError:  # the client has gone
            self.log.debug("Failed to send error message.")


def _received(client: ClientSocket) -> bytes | None:
    """The bytes that a readable socket has; empty when the client has gone, None when TLS needs more of them."""
    try:
        return client.receive_ready()
    except BlockingIOError:
        return None
    except OSError:
        return b""


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
