"""The HTTP server over real sockets: what it answers, what it refuses, and that no client delays it."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from exporter.http_request import HttpRequest
from exporter.http_server import MAX_CONNECTIONS, HttpResponse, HttpServer
from tests.support.eventually import eventually
from tests.support.exporter import ExporterClient


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"hello\n")


def broken(_request: HttpRequest) -> HttpResponse:
    raise ValueError("broken")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, {"/page": page, "/broken": broken})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(server: HttpServer) -> ExporterClient:
    return ExporterClient(server.port)


def test_get_and_head_answer_alike_but_for_the_body(client: ExporterClient) -> None:
    status, headers, body = client.get("/page?x=1")
    assert (status, body, headers["content-length"]) == (200, b"hello\n", "6")
    assert client.get("/page", method="HEAD") == (200, headers, b"")


@pytest.mark.parametrize("path", ["/", "/page/", "/pages", "//page", "/../page", "http://x/page"])
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


def test_many_connections_are_not_kept_and_the_last_are_rejected(server: HttpServer, client: ExporterClient) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MAX_CONNECTIONS - 1)]
    try:
        eventually(lambda: server.crowded)
        assert client.get("/page")[1]["connection"] == "close"
        eventually(lambda: _fills(server, idle), what="every place is taken")
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as late:
            assert late.recv(4096).startswith(b"HTTP/1.1 503 ")
    finally:
        for connection in idle:
            connection.close()
    eventually(lambda: client.get("/page")[0] == 200, what="the places are free again")


def _fills(server: HttpServer, idle: list[socket.socket]) -> bool:
    idle.append(socket.create_connection(("127.0.0.1", server.port)))
    return len(idle) >= MAX_CONNECTIONS + 2


def test_a_taken_port_is_an_error_at_once(server: HttpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        HttpServer("127.0.0.1", server.port, {})
