"""Whether the queue has room, and if not, after how many seconds it will: by the rate at which jobs end now."""

import math

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.domain.errors import TooMany
from ml_training.services.resources import Resources

RATE_WINDOWS_SECONDS = (10.0, 60.0, 600.0)
FEW_ENDS = 10  # fewer say nothing about a rate
MOST_COUNTED = 10_000
UNKNOWN_RETRY_AFTER_SECONDS = 60
LONGEST_RETRY_AFTER_SECONDS = 3_600


def check_queue_limit(connection: Connection, resources: Resources, wanted: int) -> None:
    """Raises TooMany when so many more PENDING jobs would be too many."""
    excess = jobs.count_pending(connection) + wanted - resources.limits.pending_jobs if wanted else 0
    if excess > 0:
        raise TooMany(
            f"the queue is full ({resources.limits.pending_jobs} PENDING jobs): submit again later",
            retry_after=_seconds_until_room(connection, excess),
        )


def _seconds_until_room(connection: Connection, excess: int) -> int:
    """How long the fleet takes to end so many jobs, at the rate of the last seconds, or minutes."""
    for window in RATE_WINDOWS_SECONDS:
        ended = jobs.ended_since(connection, window, at_most=MOST_COUNTED)
        if ended >= FEW_ENDS:
            return min(LONGEST_RETRY_AFTER_SECONDS, max(1, math.ceil(excess * window / ended)))
    return UNKNOWN_RETRY_AFTER_SECONDS
