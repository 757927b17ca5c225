"""Rejects jobs when the queue or the project of a job is full, and estimates Retry-After from the rate of ends."""

import math
from functools import partial

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.queue_length import read_queue
from ml_training.domain.errors import TooMany
from ml_training.domain.limits import Limits
from ml_training.services.quotas import ProjectQuotas
from ml_training.services.resources import Resources

RATE_WINDOWS_SECONDS = (10.0, 60.0, 600.0)
MIN_ENDED_JOBS = 10  # fewer do not give a rate
MAX_COUNTED_JOBS = 10_000
UNKNOWN_RETRY_AFTER_SECONDS = 60
MAX_RETRY_AFTER_SECONDS = 3_600


def check_queue_limit(
    connection: Connection,
    resources: Resources,
    new_jobs: int,
    *,
    new_bytes: int = 0,
    stores_file: bool = False,
    lock: bool = True,
) -> None:
    """Raises TooMany when `new_jobs` more PENDING jobs would exceed the limit, and what ProjectQuotas raises.

    stores_file: see `ProjectRoom.take`. lock: False in a transaction that only reads.
    """
    room = QueueRoom(connection, resources.limits, lock=lock).of_project()
    room.take(new_jobs, new_bytes=new_bytes, stores_file=stores_file)


class QueueRoom:
    """How many jobs the queue can still take, for several submissions in one transaction: it is read once."""

    def __init__(self, connection: Connection, limits: Limits, *, lock: bool = True) -> None:
        self._connection = connection
        self._limit = limits.pending_jobs
        self._lock = lock
        queue = read_queue(connection)
        self._waiting, self._has_quotas = queue.pending, queue.has_quotas
        self.now = queue.now  # the database's clock

    def of_project(self) -> "ProjectRoom":
        """The room that is left for the project that this transaction belongs to now."""
        if not self._has_quotas:
            return ProjectRoom(self, None)
        ends = partial(_retry_after, self._connection, of_all=False)
        return ProjectRoom(self, ProjectQuotas(self._connection, now=self.now, lock=self._lock, seconds_to_end=ends))

    def take(self, new_jobs: int) -> None:
        """Reserve room for new jobs of any project; raises TooMany when there is not enough."""
        excess = self._waiting + new_jobs - self._limit if new_jobs else 0
        if excess > 0:
            raise TooMany(
                f"the queue is full ({self._limit} PENDING jobs): submit again later",
                retry_after=_retry_after(self._connection, excess, of_all=True),
            )
        self._waiting += new_jobs


class ProjectRoom:
    """The room in the queue, and in the quotas of one project."""

    def __init__(self, queue: QueueRoom, quotas: ProjectQuotas | None) -> None:
        self._queue = queue
        self._quotas = quotas

    def take(self, new_jobs: int, *, new_bytes: int = 0, stores_file: bool = False) -> None:
        """Reserve room for new jobs and bytes, all or nothing; raises TooMany, or Conflict where no waiting helps.

        stores_file: a job will store more bytes when it has run; nobody knows how many.
        """
        if self._quotas is not None:
            self._quotas.check(new_jobs, new_bytes=new_bytes, stores_file=stores_file)
        self._queue.take(new_jobs)
        if self._quotas is not None:
            self._quotas.add(new_jobs, new_bytes)


def seconds_to_end(connection: Connection, count: int, *, of_all: bool = False) -> float | None:
    """Seconds until `count` jobs of the project, or of all projects, have ended, at the rate of the shortest window
    with enough ends."""
    for window in RATE_WINDOWS_SECONDS:
        ended = jobs.ended_since(connection, window, at_most=MAX_COUNTED_JOBS, of_all=of_all)
        if ended >= MIN_ENDED_JOBS:
            return count * window / ended
    return None


def _retry_after(connection: Connection, excess: int, *, of_all: bool) -> int:
    seconds = seconds_to_end(connection, excess, of_all=of_all)
    if seconds is None:
        return UNKNOWN_RETRY_AFTER_SECONDS
    return min(MAX_RETRY_AFTER_SECONDS, max(1, math.ceil(seconds)))
