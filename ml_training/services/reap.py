"""Takes jobs back whose lease has ended: the worker is lost, the job is not."""

import random
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import jobs
from ml_training.db.jobs import ExpiredLease
from ml_training.domain.retry import EndReason
from ml_training.logs import get_logger
from ml_training.services import lifecycle
from ml_training.services.core import Core
from ml_training.services.lifecycle import Held

log = get_logger(__name__)
BATCH = 100


@dataclass(frozen=True, slots=True)
class Reaped:
    """How many leases had ended, and how many of those jobs were cancelled instead of given back."""

    given_back: int
    cancelled: int


def reap_once(core: Core) -> Reaped:
    """Decide about every job whose lease has ended, at most BATCH at a time; several reapers are safe."""
    with core.database.write() as connection:
        expired = jobs.expired_leases(connection, limit=BATCH)
        cancelled = sum(_reap(connection, lease) for lease in expired)
    return Reaped(given_back=len(expired) - cancelled, cancelled=cancelled)


def _reap(connection: Connection, lease: ExpiredLease) -> bool:
    held = Held(lease.job_id, lease.attempt, lease.job_type, lease.dataset_id)
    log.warning("lease_ended", job_id=lease.job_id, attempt=lease.attempt)
    if lease.cancel_requested:
        return lifecycle.cancel(connection, held)
    lifecycle.give_back(connection, held, EndReason.WORKER_LOST, jitter=random.random())  # noqa: S311 - jitter
    return False
