"""Whether the broker takes permits now: asked over a new connection, and with a write.

An open connection still works after another password was set, and a full server still answers reads.
"""

from redis.exceptions import AuthenticationError, OutOfMemoryError, RedisError, ResponseError

from ml_training.domain.queue_names import PROBE_KEY, QUEUE
from ml_training.logs import get_logger
from ml_training.queue.redis_client import open_redis

log = get_logger(__name__)
PROBE_SECONDS = 60  # then the broker forgets the probe


def broker_report(trouble: str | None) -> dict[str, object]:
    """What a process says in its heartbeat about the broker."""
    return {"broker_ok": trouble is None, "broker_trouble": trouble}


class BrokerCheck:
    """Asks at every call; `budget` seconds bound each answer of the broker."""

    def __init__(self, broker_url: str, *, budget: float) -> None:
        self._url = broker_url
        self._budget = budget
        self._told: str | None = None

    def trouble(self) -> str | None:
        """Why the broker takes no permits, without its address; None when it does. A change of the answer is logged."""
        error = self._ask()
        found = None if error is None else _reason(error)
        if found != self._told:
            log.warning("broker_trouble", reason=found, error=str(error)[:200]) if found else log.info(
                "broker_ok_again"
            )
            self._told = found
        return found

    def _ask(self) -> Exception | None:
        try:
            with open_redis(self._url, timeout=self._budget) as client:
                client.llen(QUEUE)
                client.set(PROBE_KEY, b"", ex=PROBE_SECONDS)
        except (RedisError, OSError) as error:
            return error
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, AuthenticationError):
        return "refuses the password of ML_TRAINING_BROKER_URL"
    if isinstance(error, OutOfMemoryError):
        return "is full: raise its maxmemory, or remove what does not belong to the service"
    if isinstance(error, ResponseError):
        return "refuses permits: see the log of this process"
    return "does not answer"
