"""Permits: messages that say "run one job"; which one, the database decides at the claim."""

import threading
import time
from dataclasses import dataclass, field

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from ml_training.domain.queue_names import QUEUE, TASK_RUN
from ml_training.logs import get_logger
from ml_training.queue.celery_app import make_celery

log = get_logger(__name__)
BROKER_ERRORS = (OperationalError, RedisError, OSError)


@dataclass(slots=True)
class PublishCounts:
    """How many permits were sent, and how many could not be; memory of this process."""

    sent: int = 0
    failed: int = 0


@dataclass(slots=True)
class Permits:
    """Sends permits and counts those that wait; thread-safe, opened lazily.

    A broker that hangs costs one caller `budget` seconds, after which nobody tries again for `pause` seconds: the
    relay repeats every permit that was not sent.
    """

    app: Celery
    pause: float = 2.0
    counts: PublishCounts = field(default_factory=PublishCounts)
    _closed_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, count: int = 1) -> int:
        """Send up to `count` permits, best effort; returns how many the broker took. Never raises for the broker."""
        sent = 0
        if time.monotonic() < self._closed_until:
            self._count(sent, count)
            return sent
        try:
            for _ in range(count):
                self.app.send_task(TASK_RUN, queue=QUEUE, retry=False)
                sent += 1
        except BROKER_ERRORS as error:
            self._closed_until = time.monotonic() + self.pause
            log.warning("permit_not_sent", error=str(error)[:200])
        self._count(sent, count - sent)
        return sent

    def waiting(self) -> int | None:
        """How many permits wait in the broker; None when it does not answer."""
        try:
            with self.app.connection_for_read() as connection:
                return int(connection.default_channel.client.llen(QUEUE))
        except BROKER_ERRORS as error:
            log.debug("broker_away", error=str(error)[:200])
            return None

    def close(self) -> None:
        """Close pooled connections."""
        self.app.close()

    def _count(self, sent: int, failed: int) -> None:
        with self._lock:
            self.counts.sent += sent
            self.counts.failed += failed


def open_permits(broker_url: str, *, budget: float) -> Permits:
    """Permits on `broker_url`; `budget` seconds bound each attempt to send."""
    return Permits(make_celery(broker_url, socket_timeout=budget, max_retries=0))
