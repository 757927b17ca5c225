"""Permits: messages that wake a worker to run what is due; the database decides at the claim which jobs."""

import threading
import time

from redis import Redis
from redis.exceptions import RedisError

from ml_training.domain.queue_names import QUEUE
from ml_training.logs import get_logger
from ml_training.queue.celery_message import permit_message
from ml_training.queue.redis_client import open_redis

log = get_logger(__name__)
AT_MOST = 16  # permits that wait at a time: a worker that took one runs every due job; the relay adds what is missing
CLOSE_SECONDS = 2.0


class Permits:
    """Sends permits and counts those that wait; thread-safe, opened lazily.

    When the broker hangs, one `send` waits for its time-out, and then none tries again for `pause` seconds: the relay
    repeats every permit that was not sent.
    """

    def __init__(self, client: Redis, *, pause: float = 2.0) -> None:
        self.pause = pause
        self._client = client
        self._closed_until = 0.0
        self._lock = threading.Lock()
        self._wanted = 0
        self._has_wanted = threading.Event()
        self._sender: threading.Thread | None = None
        self._closed = False

    def publish(self, count: int = 1) -> None:
        """Say that `count` jobs more are due, after their COMMIT; returns at once, another thread sends the permits."""
        with self._lock:
            self._wanted += count
            if self._sender is None:  # not before the first call: a process that forks must have no thread
                self._sender = threading.Thread(target=self._send_wanted, name="permits", daemon=True)
                self._sender.start()
        self._has_wanted.set()

    def send(self, count: int) -> int:
        """Send `count` permits, best effort; returns how many the broker took. Never raises for the broker."""
        if count < 1 or time.monotonic() < self._closed_until:
            return 0
        try:
            self._client.lpush(QUEUE, *(permit_message() for _ in range(count)))
        except (RedisError, OSError) as error:
            self._closed_until = time.monotonic() + self.pause
            log.warning("permit_not_sent", error=str(error)[:200])
            return 0
        return count

    def waiting(self) -> int | None:
        """How many permits wait in the broker; None when it does not answer."""
        try:
            return int(self._client.llen(QUEUE))
        except (RedisError, OSError) as error:
            log.debug("broker_away", error=str(error)[:200])
            return None

    def close(self) -> None:
        """Send what is wanted, and close the connections."""
        with self._lock:
            self._closed = True
            sender = self._sender
        self._has_wanted.set()
        if sender is not None:
            sender.join(CLOSE_SECONDS)
        self._client.close()

    def _send_wanted(self) -> None:
        while True:
            self._has_wanted.wait()
            self._has_wanted.clear()
            with self._lock:
                wanted, self._wanted, closed = min(self._wanted, AT_MOST), 0, self._closed
            if wanted and time.monotonic() >= self._closed_until:
                # A permit that still waits is one that no idle worker has taken: then none needs another.
                waiting = self.waiting()
                if waiting is None:
                    self._closed_until = time.monotonic() + self.pause
                else:
                    self.send(min(wanted, AT_MOST - waiting))
            if closed:
                return


def open_permits(broker_url: str, *, budget: float) -> Permits:
    """Permits on `broker_url`; `budget` seconds bound each attempt to send."""
    return Permits(open_redis(broker_url, timeout=budget))
