"""Follows a job: its state whenever that changed, its journal without a gap, and its end as the last word."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ml_training.db import job_events, jobs
from ml_training.domain.errors import NotFound, Unavailable
from ml_training.domain.records import Job, JobEvent
from ml_training.domain.states import JobStatus
from ml_training.logs import get_logger
from ml_training.services.resources import Resources

log = get_logger(__name__)
LOOK_SECONDS = 0.25  # a running job writes at most twice a second
EVENTS_PER_POLL = 200
END = "end"


@dataclass(frozen=True, slots=True)
class State:
    """How far a job is."""

    status: JobStatus
    progress: float
    progress_message: str
    eta_seconds: float | None
    attempt: int

    @classmethod
    def of(cls, job: Job) -> "State":
        """The state of a job."""
        return cls(job.status, job.progress, job.progress_message, job.eta_seconds, job.attempt)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a job that no journal row told: cancelled before it started, a full journal, or told before."""

    status: JobStatus
    attempt: int
    at: float


JobUpdate = State | JobEvent | End


@dataclass(frozen=True, slots=True)
class _Look:
    """One snapshot: the end stands in the journal since the moment in which the job is terminal."""

    job: Job
    journal: list[JobEvent]

    @property
    def is_cut(self) -> bool:
        """Whether the journal may go on behind these rows."""
        return len(self.journal) == EVENTS_PER_POLL and not self.tells_end

    @property
    def tells_end(self) -> bool:
        """Whether the last row is the end."""
        return bool(self.journal) and self.journal[-1].kind == END

    @property
    def is_last(self) -> bool:
        """Whether nothing will come after it."""
        return self.job.status.is_terminal and not self.is_cut

    def news(self, shown: State | None) -> list[JobUpdate]:
        """What it shows beyond the state shown before."""
        state = State.of(self.job)
        news: list[JobUpdate] = [] if state == shown else [state]
        news += self.journal
        if self.is_last and not self.tells_end:
            news.append(End(self.job.status, self.job.attempt, self.job.finished_at or self.job.created_at))
        return news


def follow_job(resources: Resources, job_id: int, *, after: int) -> Iterator[list[JobUpdate]]:
    """What is new at each look, perhaps nothing: the state, and journal rows with seq > `after`; at last the end.

    It ends without the end only when the job is removed. An outage of the database is a look without news. No
    transaction is open between looks, nor while the caller has the word.
    """
    shown: State | None = None
    while True:
        try:
            look = _look(resources, job_id, after)
        except NotFound:
            return
        except Unavailable as error:
            log.debug("look_met_an_outage", job_id=job_id, error=str(error))
            look = None
        yield look.news(shown) if look else []
        if look:
            shown, after = State.of(look.job), look.journal[-1].seq if look.journal else after
            if look.is_last:
                return
        if not (look and look.is_cut):
            time.sleep(LOOK_SECONDS)


def _look(resources: Resources, job_id: int, after: int) -> _Look:
    with resources.database.read() as connection:
        job = jobs.get_job(connection, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return _Look(job, job_events.read_events(connection, job_id, after=after, limit=EVENTS_PER_POLL))
