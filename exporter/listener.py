"""Reads Celery's event channel: the raw messages of one Redis subscription, again and again after every outage."""

import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from exporter.broker import events_pattern
from ml_training.logs import get_logger

log = get_logger(__name__)
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
READ_SECONDS = 1.0
SILENT_READS = 3  # after so many reads without a word the server must answer a PING, or the connection is dead


class Listener:
    """One subscription; `take(message, now=...)` gets each message, `on_subscribed` is told of every fresh start.

    Redis keeps nothing for a subscriber that is away: whoever listens must look elsewhere for what it missed.
    """

    def __init__(self, client: Redis, *, take: Callable[..., None], on_subscribed: Callable[[], None]) -> None:
        self._client = client
        self._take = take
        self._on_subscribed = on_subscribed
        self._stopped = threading.Event()
        self._pause = FIRST_PAUSE_SECONDS

    def stop(self) -> None:
        """End `run` within a second."""
        self._stopped.set()

    def run(self) -> None:
        """Listen until stopped."""
        while not self._stopped.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                log.debug("events_interrupted", error=str(error)[:200])
            except Exception:  # the thread's edge: a listener that died would look like a quiet fleet
                log.exception("events_broken")
            self._stopped.wait(self._pause)
            self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)

    def _listen(self) -> None:
        pubsub: Any = self._client.pubsub()  # type: ignore[no-untyped-call]
        with pubsub:
            pubsub.psubscribe(events_pattern(self._client))
            # The connection's own reader: PubSub.get_message spends several times as long on each message.
            connection, silent = pubsub.connection, 0
            while not self._stopped.is_set():
                if connection.can_read(timeout=READ_SECONDS):
                    silent = 0
                    self._handle(connection.read_response(disable_decoding=True, push_request=True))
                else:
                    silent += 1
                    self._check_silence(connection, silent)

    def _handle(self, reply: list[Any]) -> None:
        if reply[0] == b"pmessage":
            self._take(reply[3], now=time.time())
        elif reply[0] == b"psubscribe":
            self._pause = FIRST_PAUSE_SECONDS
            self._on_subscribed()

    @staticmethod
    def _check_silence(connection: Any, silent: int) -> None:
        if silent == SILENT_READS:
            connection.send_command("PING", check_health=False)
        elif silent > SILENT_READS:
            raise RedisConnectionError("the event channel does not answer")
