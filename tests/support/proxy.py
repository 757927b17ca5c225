"""A TCP proxy between the service and one of its servers: it cuts connections, refuses them, and loses answers."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 65_536


class Proxy:
    """Passes bytes on to 127.0.0.1:`target` until it is told otherwise; `port` is where clients connect."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._needle = b""
        self._wanted = 0
        self._refuses = False
        self._passing: int | None = None
        self.lost = 0  # answers that were lost
        self.asked_bytes = 0  # of requests, that were passed on
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> int:
        """Close every connection; returns how many."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
        return len(links)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody gets through inside the block."""
        self._refuses = True
        self.cut()
        try:
            yield
        finally:
            self._refuses = False

    def lose_answers(self, needle: bytes, *, times: int = 1) -> None:
        """Deliver each of the next `times` requests that hold `needle`, but cut the connection before the answer."""
        with self._lock:
            self._needle, self._wanted = needle, times

    def cut_after(self, count: int) -> None:
        """Close the connection that brings the next `count` bytes of requests."""
        with self._lock:
            self._passing = count

    def pass_answers(self) -> None:
        """Lose no more answers."""
        self.lose_answers(b"", times=0)

    def close(self) -> None:
        """End it, with every connection."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            if self._refuses:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = _Link(client, server)
            with self._lock:
                self._links.add(link)
            for pump in (self._requests, self._answers):
                threading.Thread(target=self._run, args=(pump, link), name="proxy-pump", daemon=True).start()

    def _run(self, pump: Callable[["_Link"], None], link: "_Link") -> None:
        with contextlib.suppress(OSError):
            pump(link)
        link.close()
        with self._lock:
            self._links.discard(link)

    def _requests(self, link: "_Link") -> None:
        while data := link.client.recv(CHUNK):
            with self._lock:
                if self._wanted and self._needle in data:
                    self._wanted -= 1
                    link.doomed = True
                passing = self._passing
                if passing is not None:
                    self._passing = passing - len(data) if passing > len(data) else None
                    data = data[:passing]
                self.asked_bytes += len(data)
            link.server.sendall(data)
            if passing is not None and self._passing is None:
                return

    def _answers(self, link: "_Link") -> None:
        while data := link.server.recv(CHUNK):
            if link.doomed:
                with self._lock:
                    self.lost += 1
                return
            link.client.sendall(data)


class _Link:
    """One connection of a client and the one to the server behind it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.doomed = False

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxy_to(target: int) -> Iterator[Proxy]:
    """A proxy, closed afterwards."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
