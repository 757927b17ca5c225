"""Tells waiting processes that a job has ended: a message on a Redis channel after the COMMIT, without any promise.

Whoever waits reads the row all the same, and looks from time to time: a lost message only delays the answer.
"""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from ml_training.domain.queue_names import ENDED_CHANNEL
from ml_training.logs import get_logger
from ml_training.queue.redis_client import open_redis

log = get_logger(__name__)
RETRY_SECONDS = 1.0
LISTEN_SECONDS = 5.0  # without a message for this time, the server must answer a PING
TIMEOUT_SECONDS = 1.0


def job_key(job_id: int) -> str:
    """The name of a job on the channel."""
    return f"job/{job_id}"


def dataset_key(dataset_id: int) -> str:
    """The name of a data set on the channel; it is announced when its INGEST job has ended."""
    return f"dataset/{dataset_id}"


class EndSender(threading.Thread):
    """Sends keys from a thread of its own, so that the next job never waits for Redis."""

    def __init__(self, client: Redis) -> None:
        super().__init__(name="ended-jobs", daemon=True)
        self._client = client
        self._keys = queue.SimpleQueue[str]()

    def send(self, keys: Iterable[str]) -> None:
        """Tell everybody who waits for one of `keys`; returns at once."""
        for key in keys:
            self._keys.put(key)

    def run(self) -> None:
        """Send until the process ends; what cannot be sent is dropped."""
        while True:
            key = self._keys.get()
            try:
                self._client.publish(channel(self._client), key)
            except (RedisError, OSError) as error:
                log.debug("end_not_announced", error=str(error)[:200])


class Waiter:
    """One thread that waits for the end of one job or data set."""

    def __init__(self, *, is_live: bool) -> None:
        self._event = threading.Event()
        self.is_live = is_live
        """Whether ends were announced when the wait began: then there is no need to look often."""

    def wait(self, seconds: float) -> bool:
        """Return when the end was announced, at the latest after `seconds`; whether it was worth to look at the row."""
        is_announced = self._event.wait(seconds)
        self._event.clear()
        return is_announced

    def wake(self) -> None:
        """End the current wait, or the next one."""
        self._event.set()


class EndListener:
    """Listens to the channel in one thread, started by the first wait, and wakes the waiters of this process."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._waiters: dict[str, set[Waiter]] = {}
        self._thread: threading.Thread | None = None
        self._is_live = False
        self._closed = threading.Event()

    @contextmanager
    def watch(self, key: str) -> Iterator[Waiter]:
        """A waiter for `key`: read the row within the block, so that an end before the block is not missed."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ended-jobs", daemon=True)
                self._thread.start()
            waiter = Waiter(is_live=self._is_live)
            self._waiters.setdefault(key, set()).add(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiters[key].discard(waiter)
                if not self._waiters[key]:
                    del self._waiters[key]

    def close(self) -> None:
        """Stop to listen."""
        self._closed.set()
        self._client.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                log.debug("ends_not_heard", error=str(error)[:200])
            except Exception:  # the thread's edge; a connection that `close` took away in mid-read raises anything
                if not self._closed.is_set():
                    log.exception("end_listener_failed")
            self._set_live(is_live=False)
            self._closed.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        with self._client.pubsub() as channel_reader:  # type: ignore[no-untyped-call]
            channel_reader.subscribe(channel(self._client))
            heard = time.monotonic()
            while not self._closed.is_set():
                message = channel_reader.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    if time.monotonic() - heard > 2 * LISTEN_SECONDS:
                        raise RedisError("the channel does not answer")
                    channel_reader.ping()
                    continue
                heard = time.monotonic()
                if message["type"] == "subscribe":
                    self._set_live(is_live=True)
                elif message["type"] == "message":
                    self._wake(message["data"].decode())

    def _wake(self, key: str) -> None:
        with self._lock:
            for waiter in self._waiters.get(key, ()):
                waiter.wake()

    def _set_live(self, *, is_live: bool) -> None:
        """Every waiter looks once: an end may have been announced while nobody listened."""
        with self._lock:
            self._is_live = is_live
            for waiters in self._waiters.values():
                for waiter in waiters:
                    waiter.is_live = is_live
                    waiter.wake()


def channel(client: Redis) -> str:
    """The channel; its name holds the number of the database, since channels belong to the whole server."""
    return f"/{client.connection_pool.connection_kwargs.get('db') or 0}.{ENDED_CHANNEL}"


def open_end_sender(broker_url: str) -> EndSender:
    """A sender on `broker_url`, not started."""
    return EndSender(open_redis(broker_url, timeout=TIMEOUT_SECONDS))


def open_end_listener(broker_url: str) -> EndListener:
    """A listener on `broker_url`; connects at the first wait."""
    return EndListener(open_redis(broker_url, timeout=TIMEOUT_SECONDS))
