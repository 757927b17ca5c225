"""The Redis side: an address that Celery understands, and a probe that asks once a second what waits there."""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ml_training.domain.queue_names import EVENT_PREFIX, QUEUE
from ml_training.logs import get_logger

log = get_logger(__name__)
TIMEOUT_SECONDS = 1.0
# kombu keeps one list a priority step; the service uses none of them, but a forged permit may lie in any.
PERMIT_LISTS = (QUEUE, *(f"{QUEUE}\x06\x16{step}" for step in (3, 6, 9)))


def open_redis(broker_url: str) -> Redis:
    """A client for Celery's broker URL; connects lazily, answers or raises within a second, never retries by itself."""
    return Redis.from_url(
        _redis_url(broker_url),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name="ml_training_exporter",
    )


def events_pattern(client: Redis) -> str:
    """The channels of Celery's events, as kombu names them: the number of the database is part of the name."""
    return f"/{client.connection_pool.connection_kwargs.get('db') or 0}.{EVENT_PREFIX}/*"


def _redis_url(broker_url: str) -> str:
    # Celery says redis+socket:///path?virtual_host=1 where redis-py says unix:///path?db=1.
    if broker_url.startswith("redis+socket://"):
        return broker_url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    return broker_url


class BrokerProbe:
    """Whether the broker answers, and how many permits wait in it; `permits` is None while it does not."""

    def __init__(self, client: Redis, *, on_change: Callable[[], None]) -> None:
        self._client = client
        self._on_change = on_change
        self.connected = False
        self.permits: int | None = None

    def look(self) -> None:
        """Ask once; an outage is an answer too."""
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for name in PERMIT_LISTS:
                    pipeline.llen(name)
                lengths: list[Any] = pipeline.execute()
        except (RedisError, OSError) as error:
            self._set(connected=False, permits=None, why=str(error)[:200])
        else:
            self._set(connected=True, permits=sum(lengths), why="")

    def _set(self, *, connected: bool, permits: int | None, why: str) -> None:
        changed = connected != self.connected
        self.connected, self.permits = connected, permits
        if changed:
            log.info("broker_connected") if connected else log.warning("broker_away", error=why)
            self._on_change()
