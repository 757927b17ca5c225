"""Retry policy: what happens to a job whose attempt ended without a result. A pure function decides."""

from dataclasses import dataclass
from enum import StrEnum

from ml_training.domain.errors import ErrorCode

LOST_ATTEMPTS_CAP = 3
LOST_ATTEMPTS_WINDOW_SECONDS = 72 * 3600.0
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_LAST_SECONDS = 30.0  # a component that is back is used again within 45 s


class EndReason(StrEnum):
    """Why an attempt ended although the job had not."""

    WORKER_LOST = "worker_lost"  # the lease ran out: the process died, crashed or hung
    DRAIN = "drain"  # the worker was asked to shut down
    INFRASTRUCTURE = "infrastructure"  # database, broker or disk away for a moment
    SOURCE = "source"  # the database or bucket that a data set comes from did not answer
    MISSING_OBJECT = "missing_object"  # the worker did not find stored bytes of the job: another one may

    @property
    def message(self) -> str:
        """What the job waits for now, as its progress message."""
        return WAITS[self]

    @property
    def is_charged(self) -> bool:
        """Whether the attempt counts against the job: only when the job itself may be the cause."""
        return self is EndReason.WORKER_LOST


WAITS = {
    EndReason.WORKER_LOST: "waits to run again: its worker was lost",
    EndReason.DRAIN: "waits to run again: its worker shut down",
    EndReason.INFRASTRUCTURE: "waits to be tried again: database, broker, storage or Dask cluster did not answer",
    EndReason.SOURCE: "waits to be tried again: the source of its data did not answer",
    EndReason.MISSING_OBJECT: "waits for another worker: the last one did not find its stored data",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """PENDING again after `delay` seconds, or, with `error_code`, FAILED for good."""

    delay: float = 0.0
    error_code: ErrorCode | None = None


def decide(reason: EndReason, tries: int, *, jitter: float = 1.0) -> Decision:
    """What happens to a job after an attempt ended for `reason`.

    tries: for a charged reason the losses of the last 72 h, this one included; else the number of the attempt.
    jitter: a random number in (0, 1], so that workers do not all retry at the same moment.
    Three charged losses end the job (as in Sidekiq's super_fetch); after a drain there is no charge and no delay.
    """
    if reason.is_charged and tries >= LOST_ATTEMPTS_CAP:
        return Decision(error_code=ErrorCode.POISON)
    if reason is EndReason.DRAIN:
        return Decision()
    if reason is EndReason.WORKER_LOST and tries <= 1:
        return Decision()
    ceiling = min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(max(0, tries - 1), 10))
    return Decision(delay=ceiling * jitter)
