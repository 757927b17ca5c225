"""Sends live progress on Celery's event channel from a thread of its own, so that training never waits for Redis."""

import threading
import time
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ml_training.logs import get_logger

log = get_logger(__name__)
BROKER_ERRORS = (OperationalError, RedisError, OSError)
RETRY_SECONDS = 2.0  # after a failure
MIN_INTERVAL_SECONDS = 0.1  # between two events: no reader looks more often


class EventSender(threading.Thread):
    """Sends the newest event and drops those in between; a lost event only delays what is shown."""

    def __init__(self, app: Celery) -> None:
        super().__init__(name="events", daemon=True)
        self._app = app
        self._has_event = threading.Event()
        self._newest: tuple[str, dict[str, Any]] | None = None

    def send(self, event_type: str, **fields: Any) -> None:
        """Replace the event that waits to be sent; returns at once."""
        self._newest = (event_type, fields)
        self._has_event.set()

    def run(self) -> None:
        """Send until the process ends; during an outage of the broker try again every few seconds."""
        while True:
            try:
                with self._app.connection_for_write() as connection, self._app.events.Dispatcher(connection) as out:
                    while True:
                        self._has_event.wait()
                        self._has_event.clear()
                        self._send_newest(out)
                        time.sleep(MIN_INTERVAL_SECONDS)
            except BROKER_ERRORS as error:
                log.debug("events_not_sent", error=str(error)[:200])
                time.sleep(RETRY_SECONDS)

    def _send_newest(self, out: Any) -> None:
        newest = self._newest
        if newest is not None:
            out.send(newest[0], retry=False, **newest[1])
