"""The HTTP server over real sockets: what it answers, what it refuses, and that no client delays it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from exporter.connections import Connections
from exporter.http_request import HttpRequest
from exporter.http_server import MAX_CONNECTIONS, HttpResponse, HttpServer
from ml_training.domain.allowed_hosts import AllowedHosts
from ml_training.process.certificate import ServerCertificate
from tests.support.eventually import eventually
from tests.support.exporter import ExporterClient
from tests.support.tls import Authority

HOSTS = AllowedHosts("127.0.0.1", "exporter")
LARGE = bytes(8_000_000)  # more than the kernel takes


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"hello\n")


def large(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(LARGE)


def broken(_request: HttpRequest) -> HttpResponse:
    raise ValueError("broken")


@contextmanager
def serving(server: HttpServer) -> Iterator[HttpServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    routes = {"/page": page, "/large": large, "/broken": broken}
    with serving(HttpServer("127.0.0.1", 0, routes, HOSTS)) as server:
        yield server


@pytest.fixture
def client(server: HttpServer) -> ExporterClient:
    return ExporterClient(server.port)


def test_get_and_head_answer_alike_but_for_the_body(client: ExporterClient) -> None:
    status, headers, body = client.get("/page?x=1")
    assert (status, body, headers["content-length"]) == (200, b"hello\n", "6")
    assert client.get("/page", method="HEAD") == (200, headers, b"")


@pytest.mark.parametrize("path", ["/", "/page/", "/pages", "//page", "/../page", "http://localhost/pages"])
def test_everything_else_is_not_found(client: ExporterClient, path: str) -> None:
    assert client.get(path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_the_page_is_only_for_reading(client: ExporterClient, method: str) -> None:
    status, headers, _ = client.get("/page", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_a_broken_route_is_a_500_and_the_server_keeps_serving(client: ExporterClient) -> None:
    assert client.get("/broken")[0] == 500
    assert client.get("/page")[0] == 200


def test_a_connection_serves_many_requests(server: HttpServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/page")
        sockets.add(connection.sock)
        assert connection.getresponse().read() == b"hello\n"
    connection.close()
    assert len(sockets) == 1


def test_what_is_not_http_gets_a_400_and_is_closed(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"\x16\x03\x01 TLS\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_idle_clients_do_not_delay_a_scrape(server: HttpServer, client: ExporterClient) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MAX_CONNECTIONS // 2)]
    try:
        assert client.get("/page")[0] == 200
    finally:
        for connection in idle:
            connection.close()


def test_when_many_connections_are_open_none_is_kept(server: HttpServer, client: ExporterClient) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS - 1):
            stack.enter_context(connect(server))
        eventually(lambda: server.connections.are_crowded)
        assert client.get("/page")[1]["connection"] == "close"


def connect(server: HttpServer, data: bytes = b"") -> socket.socket:
    """A client with a small receive buffer that has sent these bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(data)
    return connection


@pytest.mark.parametrize(
    "data",
    [b"", b"GET /page HTTP/1.1\r\nHost: ", b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ids=["silent", "half a head", "not reading"],
)
def test_clients_that_do_nothing_keep_no_scraper_out(server: HttpServer, client: ExporterClient, data: bytes) -> None:
    with ExitStack() as stack:
        for number in range(200):
            stack.enter_context(connect(server, data))
            if number % 20 == 0:
                assert client.get("/page")[0] == 200
        assert [client.get("/page")[0] for _ in range(20)] == [200] * 20


def test_the_oldest_silent_connection_makes_room_and_one_that_is_answered_does_not(server: HttpServer) -> None:
    started, go_on = threading.Event(), threading.Event()

    def waiting(_request: HttpRequest) -> HttpResponse:
        started.set()
        go_on.wait(60)
        return HttpResponse(b"at last\n")

    server.routes["/waiting"] = waiting
    with ExitStack() as stack:
        answered = stack.enter_context(connect(server, b"GET /waiting HTTP/1.0\r\nHost: localhost\r\n\r\n"))
        started.wait(60)
        silent = [stack.enter_context(connect(server)) for _ in range(MAX_CONNECTIONS + 10)]
        assert silent[0].recv(10) == b""
        silent[-1].sendall(b"GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert silent[-1].recv(4096).startswith(b"HTTP/1.1 200 ")  # the newest one was not refused
        go_on.set()
        answer = b"".join(iter(lambda: answered.recv(4096), b""))
    assert answer.endswith(b"at last\n")


def test_a_client_that_reads_stays_younger_than_one_that_does_not() -> None:
    connections = Connections(2)
    with ExitStack() as stack:
        reading, client = (stack.enter_context(one) for one in socket.socketpair())
        stalled, gone = (stack.enter_context(one) for one in socket.socketpair())
        assert connections.add(reading)
        assert connections.add(stalled)
        connections.touch(reading)
        assert connections.add(stack.enter_context(socket.socket()))
        assert gone.recv(1) == b""
        reading.send(b"x")
        assert client.recv(1) == b"x"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8012", "a b", "localhost, evil.example", "[", "10.1.2.3"]
)
def test_a_name_of_somebody_else_is_421(client: ExporterClient, host: str) -> None:
    status, headers, body = client.get("/page", Host=host)
    assert (status, body) == (421, b"421 Misdirected Request\n")
    assert headers["x-content-type-options"] == "nosniff"


def test_an_absolute_uri_counts_like_the_header(client: ExporterClient) -> None:
    assert client.get("http://evil.example/page")[0] == 421
    assert client.get("http://localhost:1/page")[0] == 200
    assert client.get("http://localhost/page", Host="evil.example")[0] == 421
    assert client.get("/page", Host="exporter:8012")[0] == 200


def test_a_taken_port_is_an_error_at_once(server: HttpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        HttpServer("127.0.0.1", server.port, {}, HOSTS)


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[HttpServer, Authority]]:
    authority = Authority(tmp_path)
    files = authority.issue()
    certificate = ServerCertificate(files.cert, files.key)
    with serving(HttpServer("127.0.0.1", 0, {"/page": page, "/large": large}, HOSTS, certificate)) as server:
        yield server, authority


def test_with_a_certificate_it_answers_the_same(tls_server: tuple[HttpServer, Authority]) -> None:
    server, authority = tls_server
    connection = HTTPSConnection("localhost", server.port, timeout=60, context=authority.client())
    for path, body in (("/page", b"hello\n"), ("/large", LARGE), ("/page", b"hello\n")):
        connection.request("GET", path)
        assert connection.getresponse().read() == body
    connection.close()


def test_plain_http_is_told_of_https(tls_server: tuple[HttpServer, Authority]) -> None:
    status, _, body = ExporterClient(tls_server[0].port).get("/page")
    assert (status, b"https://" in body) == (400, True)


def test_clients_that_never_make_keys_make_room(tls_server: tuple[HttpServer, Authority]) -> None:
    server, authority = tls_server
    with ExitStack() as stack:
        for number in range(2 * MAX_CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            client.sendall(b"\x16\x03\x01\x02\x00"[: number % 6])  # the first bytes of a TLS client, or none
        connection = HTTPSConnection("localhost", server.port, timeout=60, context=authority.client())
        connection.request("GET", "/page", headers={"Connection": "close"})
        assert connection.getresponse().read() == b"hello\n"
