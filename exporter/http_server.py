"""The HTTP server: a few threads that send ready bytes; a slow or hostile client cannot delay the others."""

import contextlib
import socket
import socketserver
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

from exporter.connections import Connections
from exporter.http_request import HttpRequest, HttpRequestError, HttpRequestReader
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.logs import get_logger
from ml_training.process.certificate import ServerCertificate
from ml_training.process.tls import TlsConnection

log = get_logger(__name__)
MAX_CONNECTIONS = 32
HEAD_SECONDS = 5.0
IDLE_SECONDS = 75.0  # longer than usual scrape intervals, so that a scraper keeps its connection
SEND_SECONDS = 10.0
METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response; `headers` are written as they are."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


RouteHandler = Callable[[HttpRequest], HttpResponse]
_Socket = socket.socket | tuple[bytes, socket.socket]  # socketserver's own type; of TCP it is always the first


class HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves `routes` by exact path for GET and HEAD, under the names of `hosts`.

    Bound when constructed; raises OSError if it cannot be. certificate: None speaks plain HTTP.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        routes: Mapping[str, RouteHandler],
        hosts: AllowedHosts,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self.routes = dict(routes)
        self.hosts = hosts
        self.certificate = certificate
        self.connections = Connections(MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _ConnectionHandler)

    @property
    def port(self) -> int:
        """The port bound, also when 0 was asked for."""
        return int(self.server_address[1])

    def process_request(self, request: _Socket, client_address: object) -> None:
        """Give the connection a thread, or reject it at once when all are busy with answers."""
        if not self.connections.add(cast(socket.socket, request)):
            if self.certificate is None:
                _reject(request)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self.connections.remove(cast(socket.socket, request))
            raise

    def process_request_thread(self, request: _Socket, client_address: object) -> None:
        """Serve one connection and release it afterwards, also after an error."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.remove(cast(socket.socket, request))

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a broken connection, in one line: clients may leave at any time. All else is a defect."""
        error = sys.exception()
        if isinstance(error, OSError):
            log.debug("connection_broken", error=str(error))
        else:
            log.error("connection_failed", exc_info=error)


class _ConnectionHandler(socketserver.BaseRequestHandler):
    """One connection: answers its requests for as long as both sides keep it open."""

    server: HttpServer
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = HttpRequestReader(self.request, self._start_tls())
        wait = HEAD_SECONDS
        while True:
            try:
                request = reader.next(wait=wait, deadline=HEAD_SECONDS)
            except HttpRequestError as error:
                self._send(_plain(error.status), keep_alive=False, with_body=True)
                return
            if request is None:
                return
            with self.server.connections.answering(self.request):
                response = self._respond(request)
            keep_alive = request.keep_alive and not self.server.connections.are_crowded
            self._send(response, keep_alive=keep_alive, with_body=request.method != "HEAD")
            if not keep_alive:
                return
            wait = IDLE_SECONDS

    def _start_tls(self) -> Callable[[bytes], bytes]:
        self._tls: TlsConnection | None = None
        if self.server.certificate is None:
            return bytes
        self._tls = TlsConnection(self.server.certificate.context(), self._send_at_once)
        return self._tls.decrypt

    def _send_at_once(self, data: bytes) -> None:
        if self.request.send(data, socket.MSG_DONTWAIT) < len(data):
            raise BrokenPipeError("the client does not read")

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if not all(map(self.server.hosts.allows, request.hosts)):
            return _plain(HTTPStatus.MISDIRECTED_REQUEST)
        handler = self.server.routes.get(request.path)
        if handler is None:
            return _plain(HTTPStatus.NOT_FOUND)
        if request.method not in METHODS:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, Allow=", ".join(METHODS))
        try:
            return handler(request)
        except Exception:  # the server's edge: one broken route must not look like a broken network
            log.exception("route_failed", path=request.path)
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, response: HttpResponse, *, keep_alive: bool, with_body: bool) -> None:
        answer = _encode(response, keep_alive=keep_alive, with_body=with_body)
        if self._tls is not None:
            answer = self._tls.encrypt(answer) + (b"" if keep_alive else self._tls.end())
        try:
            sent = self.request.send(answer, socket.MSG_DONTWAIT)  # usually all of it, in one call
        except BlockingIOError:
            sent = 0
        if sent < len(answer):
            self._send_slowly(memoryview(answer)[sent:])

    def _send_slowly(self, rest: memoryview) -> None:
        self.request.settimeout(SEND_SECONDS)
        while rest:
            rest = rest[self.request.send(rest) :]
            self.server.connections.touch(self.request)
        self.request.settimeout(None)


def _reject(request: _Socket) -> None:
    with contextlib.suppress(OSError):
        cast(socket.socket, request).setblocking(False)
        cast(socket.socket, request).send(
            _encode(_plain(HTTPStatus.SERVICE_UNAVAILABLE), keep_alive=False, with_body=True)
        )


def _plain(status: HTTPStatus, **headers: str) -> HttpResponse:
    return HttpResponse(f"{status.value} {status.phrase}\n".encode(), status=status, headers=headers)


def _encode(response: HttpResponse, *, keep_alive: bool, with_body: bool) -> bytes:
    # Head and body in one write: two cost a second wake-up of the client, measured at 40 ms under load.
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "keep-alive" if keep_alive else "close",
        "X-Content-Type-Options": "nosniff",
        **response.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n{lines}\r\n".encode("latin-1")
    return head + response.body if with_body else head
