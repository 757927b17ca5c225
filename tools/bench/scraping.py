"""A scraper that costs nearly nothing: `python -m tools.bench.scraping PORT COUNT [PAUSE_MS]` prints milliseconds.

It also prints how much later than asked for it woke each time: what the machine alone does to a process that waits.
One connection that is kept, gzip, a raw socket and no parsing, in a process of its own: what is measured is the
exporter, not an HTTP library.
"""

import json
import random
import socket
import sys
import threading
import time
from typing import NamedTuple

GZIP = b"Accept-Encoding: gzip\r\n"


class Answer(NamedTuple):
    """Status, body and the seconds from the request to its last byte."""

    status: int
    body: bytes
    seconds: float


class Scraper:
    """One connection that is kept; opened again when the other side has closed it."""

    def __init__(self, port: int, *, gzip: bool = True) -> None:
        self._port = port
        self._request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + (GZIP if gzip else b"") + b"\r\n"
        self._socket: socket.socket | None = None
        self._buffer = bytearray(4 << 20)

    def scrape(self) -> Answer:
        """One scrape; raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        self._socket.sendall(self._request)
        length = self._receive(0)
        head = bytes(self._buffer[:length]).partition(b"\r\n\r\n")[0]
        total = len(head) + 4 + int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while length < total:
            length += self._receive(length)
        seconds = time.perf_counter() - started
        return Answer(int(head.split(b" ", 2)[1]), bytes(self._buffer[len(head) + 4 : total]), seconds)

    def _receive(self, at: int) -> int:
        assert self._socket is not None
        received = self._socket.recv_into(memoryview(self._buffer)[at:])
        if not received:
            self._socket = None
            raise ConnectionError("the exporter closed the connection")
        return received


def main() -> None:
    """Scrape, print what each took."""
    port, count, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
    scraper, rest = Scraper(port), threading.Event()
    took, sizes, late = [], set(), []
    for _ in range(count):
        answer = scraper.scrape()
        assert answer.status == 200
        took.append(round(1000 * answer.seconds, 4))
        sizes.add(len(answer.body))
        wish, started = random.uniform(0.5, 1.5) * pause, time.perf_counter()  # not in step with the exporter's beat
        rest.wait(wish)
        late.append(round(1000 * (time.perf_counter() - started - wish), 4))
    sys.stdout.write(json.dumps({"ms": took, "bytes": max(sizes), "late": late}))


if __name__ == "__main__":
    main()
