"""A client of the broker for processes that need no Celery: its import takes 20 MB and half a second."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def open_redis(broker_url: str, *, timeout: float) -> Redis:
    """A client for Celery's broker URL; connects lazily, answers or raises in `timeout` seconds, never tries twice."""
    return Redis.from_url(
        _redis_url(broker_url),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        client_name="ml_training",
    )


def _redis_url(broker_url: str) -> str:
    # Celery's redis+socket:///path?virtual_host=1 is unix:///path?db=1 for redis-py.
    if broker_url.startswith("redis+socket://"):
        return broker_url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    return broker_url
