"""An HTTP client that costs nearly nothing: one kept connection on a raw socket, bodies with Content-Length only.

httpx takes about 1 ms a request, which is as long as some of the answers that are measured here.
"""

import json
import socket
import time
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """Status, body, and the seconds from the first byte of the request to the last of the answer."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body as JSON; raises AssertionError for an error status, with the server's own words."""
        assert self.status < 400, f"status {self.status}: {self.body[:2000].decode(errors='replace')}"
        return json.loads(self.body)


def request_bytes(method: str, path: str, body: bytes | None = None) -> bytes:
    """A whole HTTP/1.1 request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def answer_length(received: bytes | bytearray) -> tuple[int, int] | None:
    """(length of the head with its empty line, length of the whole answer); None before the head is complete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise ConnectionError(f"an answer without Content-Length: {head[:200]!r}")
    return end + 4, end + 4 + int(rest.split(b"\r\n")[0])


class Connection:
    """One kept connection to a port of 127.0.0.1; opened again when the server has closed it between two requests."""

    def __init__(self, port: int, *, prefix: str = "", timeout: float = 120.0) -> None:
        self._port = port
        self._prefix = prefix
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request, `body` as JSON; raises OSError."""
        content = None if body is None else json.dumps(body).encode()
        request = request_bytes(method, self._prefix + path, content)
        if self._socket is not None and _is_closed(self._socket):
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        self._socket.sendall(request)
        received, lengths = bytearray(), None
        while lengths is None or len(received) < lengths[1]:
            chunk = self._socket.recv(1 << 20)
            if not chunk:
                self.close()
                raise ConnectionError("the server closed the connection before its answer was complete")
            received += chunk
            lengths = lengths or answer_length(received)
        seconds = time.perf_counter() - started
        head = bytes(received[: lengths[0]])
        if b"connection: close" in head.lower():
            self.close()
        return Answer(int(head.split(b" ", 2)[1]), bytes(received[lengths[0] : lengths[1]]), seconds)

    def get(self, path: str) -> Any:
        """GET; the JSON of the answer."""
        return self.ask("GET", path).json()

    def post(self, path: str, body: Any) -> Any:
        """POST; the JSON of the answer."""
        return self.ask("POST", path, body).json()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)
