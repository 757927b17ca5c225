"""The answers that the event loop sends, because their clients take them slowly."""

import selectors
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ml_training.api.client_socket import SEND_SECONDS

MOST_UNSENT_BYTES = 32 << 20  # of all clients of a process


class UnsentAnswers:
    """Connections (gunicorn's TConn) with unsent bytes; only the event loop uses this object.

    Memory is bounded: when too much is unsent, the client that has taken nothing for the longest time is given up.
    """

    def __init__(self, poller: selectors.BaseSelector, on_end: Callable[[Any], None]) -> None:
        self._poller = poller
        self._on_end = on_end  # called with a connection of which nothing is left to send, or that was given up
        self._connections: dict[Any, None] = {}

    def add(self, connection: Any) -> None:
        """Send the rest of an answer as its client takes it."""
        if connection.sock.unsent and connection not in self._connections:
            self._connections[connection] = None
            self._poller.register(connection.sock, selectors.EVENT_WRITE, partial(self._send, connection))
            self._keep_limit()

    def give_up_stalled(self) -> None:
        """Give up every client that has taken nothing for SEND_SECONDS."""
        oldest = time.monotonic() - SEND_SECONDS
        for connection in [one for one in self._connections if one.sock.progress_at <= oldest]:
            self._give_up(connection)

    def forget(self, connection: Any) -> None:
        """Send nothing more on a connection that is about to be closed."""
        if connection in self._connections:
            del self._connections[connection]
            self._poller.unregister(connection.sock)

    def _send(self, connection: Any, _client: Any) -> None:
        try:
            is_done = connection.sock.send_unsent()
        except OSError:  # the client has gone
            self._give_up(connection)
            return
        if is_done:
            self.forget(connection)
            self._on_end(connection)

    def _keep_limit(self) -> None:
        while sum(one.sock.unsent for one in self._connections) > MOST_UNSENT_BYTES:
            self._give_up(min(self._connections, key=lambda one: one.sock.progress_at))

    def _give_up(self, connection: Any) -> None:
        connection.sock.give_up()
        self.forget(connection)
        self._on_end(connection)
