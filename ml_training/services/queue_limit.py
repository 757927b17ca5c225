"""Rejects jobs when the queue is full, and estimates Retry-After from the rate at which jobs end now."""

import math

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.queue_length import count_pending
from ml_training.domain.errors import TooMany
from ml_training.services.resources import Resources

RATE_WINDOWS_SECONDS = (10.0, 60.0, 600.0)
MIN_ENDED_JOBS = 10  # fewer do not give a rate
MAX_COUNTED_JOBS = 10_000
UNKNOWN_RETRY_AFTER_SECONDS = 60
MAX_RETRY_AFTER_SECONDS = 3_600


def check_queue_limit(connection: Connection, resources: Resources, new_jobs: int) -> None:
    """Raises TooMany when `new_jobs` more PENDING jobs would exceed the limit."""
    excess = count_pending(connection) + new_jobs - resources.limits.pending_jobs if new_jobs else 0
    if excess > 0:
        raise TooMany(
            f"the queue is full ({resources.limits.pending_jobs} PENDING jobs): submit again later",
            retry_after=_retry_after(connection, excess),
        )


def _retry_after(connection: Connection, excess: int) -> int:
    """Seconds that the workers need to end `excess` jobs, at the rate of the shortest window with enough ends."""
    for window in RATE_WINDOWS_SECONDS:
        ended = jobs.ended_since(connection, window, at_most=MAX_COUNTED_JOBS)
        if ended >= MIN_ENDED_JOBS:
            return min(MAX_RETRY_AFTER_SECONDS, max(1, math.ceil(excess * window / ended)))
    return UNKNOWN_RETRY_AFTER_SECONDS
