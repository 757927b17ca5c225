"""Live progress on Celery's event channel: a thread with a queue of one, so that nobody ever waits for Redis."""

import threading
import time
from typing import Any

from celery import Celery

from ml_training.logs import get_logger
from ml_training.queue.permits import BROKER_ERRORS

log = get_logger(__name__)
PAUSE_SECONDS = 2.0  # after a failure
PACE_SECONDS = 0.1  # between two events of the same kind: nobody looks more often


class EventSender(threading.Thread):
    """Sends the newest event and forgets the ones in between; losing them costs freshness only."""

    def __init__(self, app: Celery) -> None:
        super().__init__(name="events", daemon=True)
        self._app = app
        self._news = threading.Event()
        self._newest: tuple[str, dict[str, Any]] | None = None

    def announce(self, kind: str, **fields: Any) -> None:
        """Replace the event that waits to be sent; returns at once."""
        self._newest = (kind, fields)
        self._news.set()

    def run(self) -> None:
        """Send until the process ends; a broker that is away is tried again every few seconds."""
        while True:
            try:
                with self._app.connection_for_write() as connection, self._app.events.Dispatcher(connection) as out:
                    while True:
                        self._news.wait()
                        self._news.clear()
                        self._send(out)
                        time.sleep(PACE_SECONDS)
            except BROKER_ERRORS as error:
                log.debug("events_not_sent", error=str(error)[:200])
                time.sleep(PAUSE_SECONDS)

    def _send(self, out: Any) -> None:
        newest = self._newest
        if newest is not None:
            out.send(newest[0], retry=False, **newest[1])
