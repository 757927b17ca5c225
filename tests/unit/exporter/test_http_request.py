"""Reading requests from a real socket: correct, broken, slow and endless ones."""

import socket
import threading
from collections.abc import Iterator

import pytest

from exporter.http_request import MAX_HEAD_BYTES, HttpRequest, HttpRequestError, HttpRequestReader


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read(ends: tuple[socket.socket, socket.socket], *sent: bytes, close: bool = False) -> HttpRequest | None:
    ours, theirs = ends
    for part in sent:
        theirs.sendall(part)
    if close:
        theirs.shutdown(socket.SHUT_WR)
    return HttpRequestReader(ours).next(wait=0.3, deadline=0.3)


def test_a_request_is_its_head(ends: tuple[socket.socket, socket.socket]) -> None:
    request = read(ends, b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept:  text/plain \r\naccept: */*\r\n\r\n")
    assert request == HttpRequest(
        "GET", "/metrics", ("x",), {"host": "x", "accept": "text/plain, */*"}, keep_alive=True
    )


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ],
)
def test_connections_are_kept_as_the_client_says(
    ends: tuple[socket.socket, socket.socket], head: bytes, kept: bool
) -> None:
    request = read(ends, head)
    assert request is not None
    assert request.keep_alive is kept


def test_two_requests_sent_at_once_are_read_one_after_the_other(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    reader = HttpRequestReader(ours)
    paths = [request.path for _ in range(2) if (request := reader.next(wait=1, deadline=1))]
    assert paths == ["/a", "/b"]


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nname : value\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(ends: tuple[socket.socket, socket.socket], head: bytes) -> None:
    with pytest.raises(HttpRequestError) as refused:
        read(ends, head)
    assert refused.value.status == 400


def test_an_endless_head_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(HttpRequestError) as refused:
        read(ends, b"GET / HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD_BYTES + 1))
    assert refused.value.status == 431


def test_a_client_that_says_nothing_or_leaves_is_let_go(ends: tuple[socket.socket, socket.socket]) -> None:
    assert read(ends) is None
    assert read(ends, b"GET / HT", close=True) is None


def test_the_deadline_is_for_the_whole_head_not_for_each_byte(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    stopped = threading.Event()

    def drip() -> None:
        while not stopped.wait(0.05):
            theirs.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert HttpRequestReader(ours).next(wait=10.0, deadline=0.4) is None
    finally:
        stopped.set()
        dripping.join()
