"""The lease of a running job: a thread that renews it, carries the progress and heeds requests to stop.

The training code never waits for this thread, and this thread never waits for the training code: when a request to
stop is not heeded within its grace, the thread writes the job's new state itself (fenced) and ends the process.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_training.db import jobs
from ml_training.db.engine import Database
from ml_training.db.job_events import append_events
from ml_training.domain.errors import ErrorCode, StopReason, Unavailable
from ml_training.domain.records import Job, JobError
from ml_training.domain.retry import EndReason
from ml_training.execution import transitions
from ml_training.execution.job_reporter import Event, JobReporter
from ml_training.execution.memory_limit import OUT_OF_MEMORY, MemoryLimit
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long a lease lasts, how often it is renewed and looked at, how long a stop may take, and how far
    apart checkpoints are; after `stall` seconds in which the lease's thread could not run, the process is ended."""

    lease: float
    renew: float
    poll: float
    cancel_grace: float
    drain_grace: float
    checkpoint: float = 60.0
    stall: float = 180.0

    def grace(self, reason: StopReason) -> float:
        """How long the training code has to leave by itself."""
        if reason is StopReason.MEMORY:
            return 0.0  # in another moment the kernel would choose whom to kill
        return self.drain_grace if reason is StopReason.DRAIN else self.cancel_grace


class Lease(threading.Thread):
    """Holds one attempt of one job; a context manager round the work."""

    def __init__(
        self,
        job: Job,
        *,
        database: Database,
        reporter: JobReporter,
        times: LeaseTimes,
        end_process: Callable[[], None],
        memory: MemoryLimit,
        end_unless_seen: Callable[[float | None], None],
    ) -> None:
        super().__init__(name=f"lease-{job.id}", daemon=True)
        self.fence = AttemptFence.of(job)
        self._max_runtime = job.max_runtime_seconds
        self._database = database
        self._reporter = reporter
        self._times = times
        self._end_process = end_process
        self._memory = memory
        self._end_unless_seen = end_unless_seen
        self._done = threading.Event()
        self._renewed = time.monotonic()
        self._stop_by: float | None = None

    def __enter__(self) -> "Lease":
        # Native code that keeps the interpreter's lock would stop the lease's thread too: somebody else must watch.
        self._end_unless_seen(self._times.stall)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        self._end_unless_seen(None)

    def run(self) -> None:
        """Look at the row every `poll` seconds until the work is done."""
        while not self._done.wait(self._times.poll):
            self._end_unless_seen(self._times.stall)
            try:
                seen = self._look()
            except Unavailable as error:
                # The work goes on: if the row is claimed by another attempt meanwhile, the fence will say so.
                log.warning("lease_not_renewed", error=str(error))
            else:
                self._check_stop_signals(seen)
            self._enforce_stop()

    def _look(self) -> jobs.StopSignals | None:
        fence, events = self.fence, list[Event]()
        is_due = time.monotonic() - self._renewed >= self._times.renew
        if not (is_due or self._reporter.has_moved()):
            with self._database.read() as connection:
                return jobs.read_stop_signals(connection, job_id=fence.job_id, attempt=fence.attempt)
        try:
            with self._database.write() as connection:
                seen = jobs.renew(
                    connection,
                    job_id=fence.job_id,
                    attempt=fence.attempt,
                    lease_seconds=self._times.lease,
                    progress=self._reporter.snapshot(),
                )
                if seen is None:
                    transitions.count_refusal(connection, fence, "lease")
                else:
                    # Under the row's lock: else the verdict could end the journal while we hold what is missing.
                    events = self._reporter.take_events()
                    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=events)
        except Unavailable:
            self._reporter.put_back(events)
            raise
        self._renewed = time.monotonic()
        return seen

    def _check_stop_signals(self, seen: jobs.StopSignals | None) -> None:
        reason = None
        if seen is None:
            reason = StopReason.FENCED
        elif seen.cancel_requested:
            reason = StopReason.CANCEL
        elif seen.runtime_seconds > self._max_runtime:
            reason = StopReason.TIMEOUT
        elif seen.draining:
            reason = StopReason.DRAIN
        elif self._memory.is_over():
            reason = StopReason.MEMORY
        if reason is not None and self._reporter.ask_to_stop(reason):
            log.info("job_asked_to_stop", reason=reason.value)
            self._stop_by = time.monotonic() + self._times.grace(reason)

    def _enforce_stop(self) -> None:
        reason = self._reporter.should_stop()
        if reason is None or self._stop_by is None or time.monotonic() < self._stop_by or self._done.is_set():
            return
        try:
            stop_job(self._database, self.fence, reason)
        except Unavailable as error:
            log.warning("stop_not_written", error=str(error))  # the reaper will, once the lease has ended
            if reason is not StopReason.FENCED:
                return
        log.warning("job_ended_with_its_process", reason=reason.value)
        self._end_process()


def stop_job(database: Database, fence: AttemptFence, reason: StopReason) -> None:
    """Write what a stopped attempt means for its job; nothing when the attempt has lost the job. Raises Unavailable."""
    if reason is StopReason.FENCED:
        return
    with database.write() as connection:
        if reason is StopReason.CANCEL:
            transitions.cancel(connection, fence)
        elif reason in FAILURES:
            transitions.fail(connection, fence, FAILURES[reason])
        else:
            transitions.hand_back(connection, fence, EndReason.DRAIN, jitter=random.random())  # noqa: S311 - jitter


TIMEOUT = JobError(
    ErrorCode.TIMEOUT,
    "max_runtime_seconds is used up, all attempts together",
    "raise max_runtime_seconds, or use fewer rows, trees or rounds",
)
FAILURES = {StopReason.TIMEOUT: TIMEOUT, StopReason.MEMORY: OUT_OF_MEMORY}
