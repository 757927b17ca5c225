"""What a pool child does when a permit wakes it, and what it does when none comes."""

import random

from ml_training.db import claims
from ml_training.domain.errors import Unavailable
from ml_training.execution.run_job import run_next
from ml_training.logs import get_logger
from workers.app import settings
from workers.jobs_left import JOBS_LEFT
from workers.pool_child import wake_another_child, worker_context

log = get_logger(__name__)


def run_due_jobs() -> None:
    """Run due jobs until there are none, or the worker drains: a permit for each job would cost each a round trip."""
    try:
        while run_next(worker_context()):
            JOBS_LEFT.use_one()
            if JOBS_LEFT.count <= 0:
                wake_another_child()  # this one is replaced now, and more may be due
                return
    except Unavailable as error:
        log.warning("claim_failed", error=str(error))  # the permit is lost, the relay sends another


def seconds_until_look() -> float:
    """How long a child waits for a permit before it looks itself; differs, so that children do not look together."""
    return settings.worker_poll_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - jitter


def look_for_due_jobs() -> None:
    """Run what is due although no permit came: so the queue moves whatever has become of Redis.

    One read says whether anything is due. A permit that the parent gives to this child while it works waits for it;
    the relay then sends another one for the other children.
    """
    try:
        with worker_context().database.read() as connection:
            due = claims.count_due(connection, at_most=1)
        if due:
            log.info("due_without_permit")
            run_due_jobs()
    except Unavailable as error:
        log.debug("not_looked", error=str(error))
    except Exception:  # the edge of the child: it looks again
        log.exception("look_failed")
