"""The reaper: returns jobs to the queue whose lease has expired, because their worker is lost."""

import random
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.jobs import ExpiredLease
from ml_training.domain.retry import EndReason
from ml_training.execution import transitions
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger
from ml_training.services.resources import Resources

log = get_logger(__name__)
BATCH = 100


@dataclass(frozen=True, slots=True)
class Reaped:
    """How many jobs went back to the queue (or FAILED as poison), and how many were cancelled instead."""

    handed_back: int
    cancelled: int


def reap_once(resources: Resources) -> Reaped:
    """Handle every job whose lease has expired, at most BATCH at a time; several reapers may run at once."""
    with resources.database.read() as connection:
        if not jobs.has_expired_lease(connection):  # most calls: no writer has to wait for them
            return Reaped(handed_back=0, cancelled=0)
    with resources.database.write() as connection:
        expired = jobs.expired_leases(connection, limit=BATCH)
        cancelled = sum(_reap(connection, lease) for lease in expired)
    if len(expired) > cancelled:
        resources.permits.publish(len(expired) - cancelled)
    return Reaped(handed_back=len(expired) - cancelled, cancelled=cancelled)


def _reap(connection: Connection, lease: ExpiredLease) -> bool:
    fence = AttemptFence(lease.job_id, lease.attempt, lease.job_type, lease.dataset_id)
    log.warning("lease_expired", job_id=lease.job_id, attempt=lease.attempt)
    if lease.cancel_requested:
        return transitions.cancel(connection, fence)
    transitions.hand_back(connection, fence, EndReason.WORKER_LOST, jitter=random.random())  # noqa: S311 - jitter
    return False
