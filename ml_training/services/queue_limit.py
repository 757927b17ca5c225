"""Rejects jobs when the queue is full, and estimates Retry-After from the rate at which jobs end now."""

import math

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.queue_length import read_queue
from ml_training.domain.errors import TooMany
from ml_training.domain.limits import Limits
from ml_training.services.resources import Resources

RATE_WINDOWS_SECONDS = (10.0, 60.0, 600.0)
MIN_ENDED_JOBS = 10  # fewer do not give a rate
MAX_COUNTED_JOBS = 10_000
UNKNOWN_RETRY_AFTER_SECONDS = 60
MAX_RETRY_AFTER_SECONDS = 3_600


def check_queue_limit(connection: Connection, resources: Resources, new_jobs: int) -> None:
    """Raises TooMany when `new_jobs` more PENDING jobs would exceed the limit."""
    QueueRoom(connection, resources.limits).take(new_jobs)


class QueueRoom:
    """How many jobs the queue can still take, for several submissions in one transaction: it is read once."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._limit = limits.pending_jobs
        self._waiting, self.now = read_queue(connection)  # `now`: the database's clock

    def take(self, new_jobs: int) -> None:
        """Reserve room for new jobs; raises TooMany when there is not enough."""
        excess = self._waiting + new_jobs - self._limit if new_jobs else 0
        if excess > 0:
            raise TooMany(
                f"the queue is full ({self._limit} PENDING jobs): submit again later",
                retry_after=_retry_after(self._connection, excess),
            )
        self._waiting += new_jobs


def seconds_to_end(connection: Connection, count: int) -> float | None:
    """Seconds that the workers need to end `count` jobs, at the rate of the shortest window with enough ends."""
    for window in RATE_WINDOWS_SECONDS:
        ended = jobs.ended_since(connection, window, at_most=MAX_COUNTED_JOBS)
        if ended >= MIN_ENDED_JOBS:
            return count * window / ended
    return None


def _retry_after(connection: Connection, excess: int) -> int:
    seconds = seconds_to_end(connection, excess)
    if seconds is None:
        return UNKNOWN_RETRY_AFTER_SECONDS
    return min(MAX_RETRY_AFTER_SECONDS, max(1, math.ceil(seconds)))
