"""Follows one job for a client: its state after every change, every job event once, and its end as the last update."""

from collections.abc import Iterator
from dataclasses import dataclass

from ml_training.db import job_events, jobs
from ml_training.domain.errors import NotFound, Unavailable
from ml_training.domain.records import Job, JobEvent
from ml_training.domain.states import JobStatus
from ml_training.logs import get_logger
from ml_training.queue.ended_jobs import Waiter, job_key
from ml_training.services.resources import Resources

log = get_logger(__name__)
POLL_SECONDS = 0.25  # a running job writes at most twice a second
EVENTS_PER_POLL = 200
END = "end"


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """The state and the progress of a job."""

    status: JobStatus
    progress: float
    progress_message: str
    eta_seconds: float | None
    attempt: int

    @classmethod
    def of(cls, job: Job) -> "StateUpdate":
        """The state of a job."""
        return cls(job.status, job.progress, job.progress_message, job.eta_seconds, job.attempt)


@dataclass(frozen=True, slots=True)
class EndUpdate:
    """The end of a job that has no end event: it was cancelled before it started, its events reached the limit, or the
    client asked for later events only."""

    status: JobStatus
    attempt: int
    at: float


JobUpdate = StateUpdate | JobEvent | EndUpdate


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The job and its next events, read in one transaction: a terminal job already has its end event."""

    job: Job
    events: list[JobEvent]

    @property
    def has_more(self) -> bool:
        """Whether there may be events after these."""
        return len(self.events) == EVENTS_PER_POLL and not self.has_end

    @property
    def has_end(self) -> bool:
        """Whether the last event is the end."""
        return bool(self.events) and self.events[-1].kind == END

    @property
    def is_last(self) -> bool:
        """Whether nothing will follow."""
        return self.job.status.is_terminal and not self.has_more

    def updates(self, shown: StateUpdate | None) -> list[JobUpdate]:
        """What is new; `shown` is the last state that the client has."""
        state = StateUpdate.of(self.job)
        updates: list[JobUpdate] = [] if state == shown else [state]
        updates += self.events
        if self.is_last and not self.has_end:
            updates.append(EndUpdate(self.job.status, self.job.attempt, self.job.finished_at or self.job.created_at))
        return updates


def follow_job(resources: Resources, job_id: int, *, after: int) -> Iterator[list[JobUpdate]]:
    """Yields the new updates of each poll, perhaps none: the state, and job events with seq > `after`; last the end.

    It stops without an end only when the job is removed. A poll during an outage of the database yields no updates.
    No transaction stays open between polls or while the caller handles an update.
    """
    with resources.ended_jobs.watch(job_key(job_id)) as waiter:
        yield from _follow(resources, job_id, after, waiter)


def _follow(resources: Resources, job_id: int, after: int, waiter: Waiter) -> Iterator[list[JobUpdate]]:
    shown: StateUpdate | None = None
    while True:
        try:
            snapshot = _read_snapshot(resources, job_id, after)
        except NotFound:
            return
        except Unavailable as error:
            log.debug("poll_failed", job_id=job_id, error=str(error))
            snapshot = None
        yield snapshot.updates(shown) if snapshot else []
        if snapshot:
            shown, after = StateUpdate.of(snapshot.job), snapshot.events[-1].seq if snapshot.events else after
            if snapshot.is_last:
                return
        if not (snapshot and snapshot.has_more):
            waiter.wait(POLL_SECONDS)


def _read_snapshot(resources: Resources, job_id: int, after: int) -> _Snapshot:
    with resources.database.read() as connection:
        job = jobs.get_job(connection, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return _Snapshot(job, job_events.read_events(connection, job_id, after=after, limit=EVENTS_PER_POLL))
