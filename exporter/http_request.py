"""Reads one HTTP request: only its head, within a size and a deadline that no client can exceed."""

import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from ml_training.domain.allowed_hosts import split_target

MAX_HEAD_BYTES = 16 * 1024
_REQUEST_LINE = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*)")


class HttpRequestError(Exception):
    """The request cannot be read; `status` is the answer, after which the connection is closed."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The head of a request; header names are lower case. `hosts`: every name that it gives the server."""

    method: str
    path: str
    hosts: tuple[str, ...]
    headers: dict[str, str]
    keep_alive: bool


class HttpRequestReader:
    """Reads the requests of one blocking connection, one after the other. decrypt: of received bytes."""

    def __init__(self, connection: socket.socket, decrypt: Callable[[bytes], bytes] = bytes) -> None:
        self._connection = connection
        self._decrypt = decrypt
        self._buffer = b""

    def next(self, *, wait: float, deadline: float) -> HttpRequest | None:
        """The next request: `wait` seconds for its first byte, `deadline` for the whole head.

        None when the client closed or took too long; raises HttpRequestError.
        """
        until = time.monotonic() + (deadline if self._buffer else wait)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise HttpRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            arrived = self._receive(until - time.monotonic())
            if not arrived:
                return None
            fresh = self._decrypt(arrived)
            if not fresh:
                continue
            if not self._buffer:
                until = time.monotonic() + deadline
            self._buffer += fresh
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        return _parse(head)

    def _receive(self, seconds: float) -> bytes:
        if seconds <= 0:
            return b""
        # The kernel's timeout, not Python's: Python polls before it reads, and so has to acquire the interpreter lock
        # twice, which takes long while events arrive at full rate.
        timeval = struct.pack("ll", int(seconds), max(1, int(seconds % 1 * 1e6)))
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        try:
            return self._connection.recv(MAX_HEAD_BYTES)
        except BlockingIOError:
            return b""


def _parse(head: bytes) -> HttpRequest:
    first, *rest = head.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    fields = [_HEADER.fullmatch(item) for item in rest]
    if line is None:
        raise HttpRequestError(HTTPStatus.BAD_REQUEST)
    headers: dict[str, str] = {}
    for field in fields:
        if field is None:
            raise HttpRequestError(HTTPStatus.BAD_REQUEST)
        name, value = field[1].decode().lower(), field[2].decode("latin-1").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    is_http11 = line[3] == b"1"
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (is_http11 or "keep-alive" in connection)
    # A body is never read: the bytes after such a head are not a request, so the connection ends with the answer.
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    host, path = split_target(line[2].decode())
    hosts = (headers.get("host", ""), *(() if host is None else (host,)))
    return HttpRequest(line[1].decode(), path, hosts, headers, keep_alive and not has_body)
