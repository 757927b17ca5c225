"""Listens to Celery's event channel: raw messages of a Redis subscription, which is renewed after every outage."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from exporter.broker import events_pattern
from ml_training.logs import get_logger

log = get_logger(__name__)
MIN_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 1.0
READ_SECONDS = 1.0
READ_BYTES = 1 << 18
MAX_REPLY_BYTES = 64 << 20  # a message that is still incomplete then would only fill the memory
SILENT_READS = 3  # after this many reads without data the server must answer a PING, or the connection is dead
_PING = b"*1\r\n$4\r\nPING\r\n"

Consume = Callable[[Sequence[bytes], float], None]
"""Receives the messages of one read and the Unix time of their arrival."""


class EventListener:
    """One subscription; `consume` gets its messages, `on_subscribed` is called each time that it starts.

    Redis keeps nothing for a subscriber that is away: what it missed must be read from the database.
    """

    def __init__(self, client: Redis, *, consume: Consume, on_subscribed: Callable[[], None]) -> None:
        self._client = client
        self._consume = consume
        self._on_subscribed = on_subscribed
        self._stopped = threading.Event()
        self._pause = MIN_PAUSE_SECONDS
        self._subscribed = False
        self.gaps = 0
        """How often a subscription broke off."""

    def stop(self) -> None:
        """End `run` within a second."""
        self._stopped.set()

    def run(self) -> None:
        """Listen until stopped."""
        while not self._stopped.is_set():
            try:
                self._listen()
            except (RedisError, hiredis.HiredisError, OSError) as error:
                log.debug("event_channel_lost", error=str(error)[:200])
            except Exception:  # the thread's edge: a listener that died would look like a fleet that sends nothing
                log.exception("event_listener_failed")
            if self._subscribed and not self._stopped.is_set():
                self._subscribed = False
                self.gaps += 1
            self._stopped.wait(self._pause)
            self._pause = min(MAX_PAUSE_SECONDS, self._pause * 2)

    def _listen(self) -> None:
        connection: Any = self._client.connection_pool.make_connection()
        try:
            connection.connect()
            connection.send_command("PSUBSCRIBE", events_pattern(self._client), check_health=False)
            # The bare socket from here on: the library's reader has no bound for an unfinished message, does not notice
            # a server that stopped answering, and costs 1.7 times the CPU. The socket has no public name; the
            # conformance test of the event channel reads through it.
            self._read(connection._sock)
        finally:
            connection.disconnect()

    def _read(self, connection: socket.socket) -> None:
        reader: Any = hiredis.Reader()  # its types do not know that it reads from any buffer
        buffer, silent, unfinished = bytearray(READ_BYTES), 0, 0
        connection.settimeout(READ_SECONDS)
        while not self._stopped.is_set():
            try:
                length = connection.recv_into(buffer)
            except TimeoutError:
                silent += 1
                _check_silence(connection, silent)
                continue
            if not length:
                raise RedisConnectionError("the event channel was closed")
            reader.feed(buffer, 0, length)
            replies = list(iter(reader.gets, False))
            silent, unfinished = 0, 0 if replies else unfinished + length
            if unfinished > MAX_REPLY_BYTES:
                raise RedisConnectionError("the event channel sends a message without an end")
            self._handle(replies)

    def _handle(self, replies: Sequence[Any]) -> None:
        messages = []
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise RedisError(f"the event channel was refused: {reply}")
            if reply[0] == b"pmessage":
                messages.append(reply[3])
            elif reply[0] == b"psubscribe":
                self._pause, self._subscribed = MIN_PAUSE_SECONDS, True
                self._on_subscribed()
        if messages:
            self._consume(messages, time.time())


def _check_silence(connection: socket.socket, silent: int) -> None:
    if silent == SILENT_READS:
        connection.sendall(_PING)
    elif silent > SILENT_READS:
        raise RedisConnectionError("the event channel does not answer")
