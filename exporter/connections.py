"""The connections of the HTTP server: a limited number, of which the one that has waited longest makes room."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from math import inf


class Connections:
    """At most `limit` open connections; thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}  # since when it waits for its client; infinite while it does not

    @property
    def are_crowded(self) -> bool:
        """Whether connections should not be kept: each idle one occupies a thread."""
        return len(self._open) > self._limit // 2

    def add(self, connection: socket.socket) -> bool:
        """Take a new connection; False when every other one is being answered."""
        with self._lock:
            if len(self._open) >= self._limit and not self._make_room():
                return False
            self._open[connection] = time.monotonic()
            return True

    def remove(self, connection: socket.socket) -> None:
        """Forget a connection that ends; does nothing when it had to make room."""
        with self._lock:
            self._open.pop(connection, None)

    def touch(self, connection: socket.socket) -> None:
        """Say that the client has taken a part of its answer: it waits from now on only."""
        self._set(connection, time.monotonic())

    @contextlib.contextmanager
    def answering(self, connection: socket.socket) -> Iterator[None]:
        """Within, the connection makes no room for another one: it waits for this server, not for its client."""
        self._set(connection, inf)
        try:
            yield
        finally:
            self.touch(connection)

    def _set(self, connection: socket.socket, waits_since: float) -> None:
        with self._lock:
            if connection in self._open:
                self._open[connection] = waits_since

    def _make_room(self) -> bool:
        """End the connection that has waited longest for its client: its thread wakes up, and leaves."""
        oldest = min(self._open, key=self._open.__getitem__)
        if self._open[oldest] == inf:
            return False
        del self._open[oldest]
        with contextlib.suppress(OSError):  # the client has closed it
            oldest.shutdown(socket.SHUT_RDWR)
        return True
