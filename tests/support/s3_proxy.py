"""An HTTP proxy in front of an S3 server that misbehaves as a test asks: errors, cuts, lies, slowness, repetitions."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 1 << 16
UNPASSED = {"connection", "keep-alive", "transfer-encoding", "content-length"}
Trouble = Callable[["Exchange"], None]


class CutConnection(Exception):
    """The connection to the client ends here."""


class Step(StrEnum):
    """How far a request is."""

    BEGUN = "its head has arrived"
    HALF = "half of its body has arrived"
    DONE = "the server has done it, and nobody has heard of it"
    ANSWERED = "its answer was sent"


Watch = Callable[[str, str, Step], None]  # (method, path without the query, step); may raise CutConnection


def watch_nothing(method: str, path: str, step: Step) -> None:
    """Nobody is interested."""


class Exchange:
    """One request on its way; a trouble changes the answer, or raises CutConnection."""

    def __init__(self, proxy: "S3Proxy", method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.status, self.answer_headers, self.answer = 0, dict[str, str](), b""
        self.sent_bytes: int | None = None  # of the answer; None: all
        self.bytes_a_second: float | None = None
        self._proxy = proxy

    def forward(self) -> None:
        """Ask the server and take its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._proxy.target, timeout=60)
        try:
            connection.request(self.method, self.path, self.body, self.headers)
            response = connection.getresponse()
            self.status, self.answer = response.status, response.read()
            self.answer_headers = {name: value for name, value in response.getheaders() if name.lower() not in UNPASSED}
            length = response.getheader("Content-Length")
            if self.method == "HEAD" and length is not None:
                self.answer_headers["Content-Length"] = length
        finally:
            connection.close()

    def refuse(self, status: int, code: str) -> None:
        """An error as S3 servers send it."""
        self.status, self.answer_headers = status, {"Content-Type": "application/xml"}
        self.answer = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>of a test</Message></Error>".encode()


class S3Proxy:
    """`trouble` is called for each request; None: the requests pass as they are. `watch`: at each step of each."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.trouble: Trouble | None = None
        self.watch: Watch = watch_nothing
        self.requests: list[tuple[str, str]] = []  # (method, path without the query)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[None]:
        """Every request meets this trouble inside the block."""
        self.trouble = trouble
        try:
            yield
        finally:
            self.trouble = None

    @contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """Every step of every request is told inside the block."""
        self.watch = watch
        try:
            yield
        finally:
            self.watch = watch_nothing

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _pass(self, exchange: Exchange) -> None:
        with self._lock:
            self.requests.append((exchange.method, exchange.path.partition("?")[0]))
        trouble = self.trouble
        if trouble is None:
            exchange.forward()
        else:
            trouble(exchange)


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (CutConnection, OSError):
            self.close_connection = True

    def _serve(self) -> None:
        self._watch(Step.BEGUN)
        body = self._body()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in UNPASSED}
        exchange = Exchange(self.server.proxy, self.command, self.path, headers, body)
        self.server.proxy._pass(exchange)
        self._watch(Step.DONE)
        self.send_response_only(exchange.status)
        for name, value in exchange.answer_headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(exchange.answer)))
        self.end_headers()
        if self.command != "HEAD":
            _send(self, exchange)
        self._watch(Step.ANSWERED)

    def _watch(self, step: Step) -> None:
        self.server.proxy.watch(self.command, self.path.partition("?")[0], step)

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        first = self.rfile.read(length // 2)
        self._watch(Step.HALF)
        body = first + self.rfile.read(length - len(first))
        if len(body) < length:  # as a server: it does nothing that it was not asked as a whole
            raise CutConnection
        return body

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Tests say what they saw."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: S3Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


def _send(handler: BaseHTTPRequestHandler, exchange: Exchange) -> None:
    whole = exchange.answer if exchange.sent_bytes is None else exchange.answer[: exchange.sent_bytes]
    for start in range(0, len(whole), CHUNK):
        handler.wfile.write(whole[start : start + CHUNK])
        if exchange.bytes_a_second is not None:
            time.sleep(CHUNK / exchange.bytes_a_second)
    if exchange.sent_bytes is not None:
        raise CutConnection


@contextmanager
def s3_proxy_to(target: int) -> Iterator[S3Proxy]:
    """A proxy, closed afterwards."""
    proxy = S3Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()


def away(_: Exchange) -> None:
    """As a server that has ended."""
    raise CutConnection


def refusing(status: int, code: str) -> Trouble:
    """Every request is answered with this error."""
    return lambda exchange: exchange.refuse(status, code)


def lose_answer(exchange: Exchange) -> None:
    """The server does what it was asked, and nobody hears of it."""
    exchange.forward()
    raise CutConnection


def repeat(exchange: Exchange) -> None:
    """The request arrives twice."""
    exchange.forward()
    exchange.forward()


def cut_answer(exchange: Exchange) -> None:
    """The connection ends in the middle of the answer."""
    exchange.forward()
    exchange.sent_bytes = len(exchange.answer) // 2


def shorten_answer(exchange: Exchange) -> None:
    """A whole answer that has lost its second half."""
    exchange.forward()
    exchange.answer = exchange.answer[: len(exchange.answer) // 2]


def lie(exchange: Exchange) -> None:
    """One bit of what is read is another."""
    exchange.forward()
    if exchange.method == "GET" and exchange.status == 200 and exchange.answer:
        exchange.answer = bytes([exchange.answer[0] ^ 1]) + exchange.answer[1:]


def slow(bytes_a_second: float) -> Trouble:
    """Bodies and answers arrive at this speed."""

    def trouble(exchange: Exchange) -> None:
        time.sleep(len(exchange.body) / bytes_a_second)
        exchange.forward()
        exchange.bytes_a_second = bytes_a_second

    return trouble


def late(seconds: float) -> Trouble:
    """Answers arrive so much later."""

    def trouble(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.forward()

    return trouble


def first(times: int, trouble: Trouble) -> Trouble:
    """Only so many requests meet the trouble."""
    left = [None] * times

    def limited(exchange: Exchange) -> None:
        try:
            left.pop()
        except IndexError:
            exchange.forward()
        else:
            trouble(exchange)

    return limited
