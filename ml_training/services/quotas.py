"""Checks what a project asks for against its quotas, in the transaction that stores it."""

import math
from collections.abc import Callable

from sqlalchemy import Connection

from ml_training.db import projects
from ml_training.db.project_counters import read_usage
from ml_training.domain.errors import Conflict, TooMany
from ml_training.domain.quotas import SECONDS_PER_MINUTE


class ProjectQuotas:
    """The quotas of the transaction's project, and what it uses, with what this transaction has added.

    The row of the project is locked before its numbers are read, so of many requests at once exactly as many pass as
    there is room for.
    """

    def __init__(self, connection: Connection, *, now: float, lock: bool, seconds_to_end: Callable[[int], int]) -> None:
        self._connection = connection
        self._now = now
        self._seconds_to_end = seconds_to_end
        self._quotas = projects.read_quotas(connection, lock=lock)
        used = read_usage(connection)
        self._pending, self._bytes = used.pending_jobs, used.stored_bytes
        self._added = 0  # jobs

    def check(self, new_jobs: int, *, new_bytes: int, stores_file: bool) -> None:
        """Raise TooMany, or Conflict where no waiting helps, when this is more than is left; it reserves nothing."""
        self._check_bytes(new_bytes, stores_file=stores_file)
        self._check_pending(new_jobs)
        self._check_rate(new_jobs)

    def add(self, new_jobs: int, new_bytes: int) -> None:
        """Count what the transaction stores."""
        self._pending += new_jobs
        self._bytes += new_bytes
        self._added += new_jobs

    def _check_bytes(self, new_bytes: int, *, stores_file: bool) -> None:
        quota = self._quotas.stored_bytes
        if quota is None:
            return
        left = max(0, quota - self._bytes)
        if new_bytes > left:
            raise Conflict(
                f"the project may store {quota:,} bytes, {left:,} are left and this needs {new_bytes:,}: "
                "delete data sets, models or predictions"
            )
        if stores_file and not left:
            raise Conflict(
                f"the project may store {quota:,} bytes and none is left for the result of the job: "
                "delete data sets, models or predictions"
            )

    def _check_pending(self, new_jobs: int) -> None:
        quota = self._quotas.pending_jobs
        if quota is None or not new_jobs:
            return
        if new_jobs > quota:
            raise Conflict(f"the project may have {quota:,} PENDING jobs, and these are {new_jobs:,}: submit fewer")
        left = max(0, quota - self._pending)
        if new_jobs > left:
            raise TooMany(
                f"the project may have {quota:,} PENDING jobs, and {left:,} are left: submit again later",
                retry_after=self._seconds_to_end(new_jobs - left),
            )

    def _check_rate(self, new_jobs: int) -> None:
        quota = self._quotas.submissions_per_minute
        if quota is None or not new_jobs:
            return
        if new_jobs > quota:
            raise Conflict(f"the project may submit {quota:,} jobs a minute, and these are {new_jobs:,}: submit fewer")
        # The job that must be a minute old, so that with the new ones no minute has more than the quota.
        number = quota - new_jobs + 1 - self._added
        newest = self._now if number < 1 else projects.submitted_at(self._connection, number=number)
        wait = 0.0 if newest is None else newest + SECONDS_PER_MINUTE - self._now
        if wait > 0:
            raise TooMany(
                f"the project may submit {quota:,} jobs a minute: submit again in {math.ceil(wait)} s",
                retry_after=math.ceil(wait),
            )
