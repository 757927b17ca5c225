"""The lease of a running job: a thread that renews it, writes the progress and checks for requests to stop.

The training code never waits for this thread, and this thread never waits for the training code. When the training
code does not stop within its grace period, the thread writes the job's new state itself (fenced) and ends the process.
"""

import random
import threading
import time
from dataclasses import dataclass

from sqlalchemy import Connection

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
from ml_training.execution.watchdog import Watchdog
from ml_training.logs import get_logger

log = get_logger(__name__)
TIMEOUT = JobError(
    ErrorCode.TIMEOUT,
    "max_runtime_seconds is used up, all attempts together",
    "raise max_runtime_seconds, or use fewer rows, trees or rounds",
)
FAILURES = {StopReason.TIMEOUT: TIMEOUT, StopReason.MEMORY: OUT_OF_MEMORY}


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds.

    lease: how long a lease lasts without a renewal; renew: time between renewals; poll: time between checks for
    requests to stop; cancel_grace, drain_grace: how long the training code may take to stop; checkpoint: time between
    checkpoints; stall: after this time in which the lease thread could not run, the watchdog ends the process.
    """

    lease: float
    renew: float
    poll: float
    cancel_grace: float
    drain_grace: float
    checkpoint: float = 60.0
    stall: float = 180.0

    def grace(self, reason: StopReason) -> float:
        """How long the training code may take to stop by itself."""
        if reason is StopReason.MEMORY:
            return 0.0  # a moment later the kernel would choose a process to kill
        return self.drain_grace if reason is StopReason.DRAIN else self.cancel_grace


class Lease(threading.Thread):
    """Keeps one attempt of one job; a context manager around the work."""

    def __init__(
        self,
        job: Job,
        *,
        database: Database,
        reporter: JobReporter,
        times: LeaseTimes,
        memory: MemoryLimit,
        watchdog: Watchdog,
    ) -> None:
        super().__init__(name=f"lease-{job.id}", daemon=True)
        self.fence = AttemptFence.of(job)
        self._max_runtime = job.max_runtime_seconds
        self._database = database
        self._reporter = reporter
        self._times = times
        self._memory = memory
        self._watchdog = watchdog
        self._done = threading.Event()
        self._renewed = time.monotonic()
        self._stop_by: float | None = None

    def __enter__(self) -> "Lease":
        # Native code that keeps the interpreter lock stops the lease thread too: only the watchdog still runs then.
        self._watchdog.feed(self._times.stall)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        self._watchdog.stop()

    def run(self) -> None:
        """Check the row every `poll` seconds until the work is done."""
        while not self._done.wait(self._times.poll):
            self._watchdog.feed(self._times.stall)
            try:
                signals = self._poll()
            except Unavailable as error:
                # The work continues: if another attempt claims the row during the outage, the fence will say so.
                log.warning("lease_not_renewed", error=str(error))
            else:
                self._check_stop_signals(signals)
            self._enforce_stop()

    def _poll(self) -> jobs.StopSignals | None:
        """Renew the lease when it is time, else only read; None when the attempt has lost the job."""
        fence, events = self.fence, list[Event]()
        is_due = time.monotonic() - self._renewed >= self._times.renew
        if not (is_due or self._reporter.has_moved()):
            with self._database.read() as connection:
                return jobs.read_stop_signals(connection, job_id=fence.job_id, attempt=fence.attempt)
        try:
            with self._database.write() as connection:
                signals = jobs.renew(
                    connection,
                    job_id=fence.job_id,
                    attempt=fence.attempt,
                    lease_seconds=self._times.lease,
                    progress=self._reporter.snapshot(),
                )
                if signals is None:
                    transitions.count_refusal(connection, fence, "lease")
                else:
                    # Under the row's lock: else the end event could be written before events that this thread holds.
                    events = self._reporter.take_events()
                    append_events(connection, job_id=fence.job_id, attempt=fence.attempt, events=events)
        except Unavailable:
            self._reporter.put_back(events)
            raise
        self._renewed = time.monotonic()
        return signals

    def _check_stop_signals(self, signals: jobs.StopSignals | None) -> None:
        reason = None
        if signals is None:
            reason = StopReason.FENCED
        elif signals.cancel_requested:
            reason = StopReason.CANCEL
        elif signals.runtime_seconds > self._max_runtime:
            reason = StopReason.TIMEOUT
        elif signals.draining:
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
            log.warning("stop_not_written", error=str(error))  # the reaper writes it, once the lease has ended
            if reason is not StopReason.FENCED:
                return
        log.warning("job_ended_with_its_process", reason=reason.value)
        self._watchdog.end_process()


def stop_job(database: Database, fence: AttemptFence, reason: StopReason) -> None:
    """Write the state of a job whose attempt was stopped; nothing when the attempt has lost it. Raises Unavailable."""
    if reason is not StopReason.FENCED:
        with database.write() as connection:
            apply_stop(connection, fence, reason)


def apply_stop(connection: Connection, fence: AttemptFence, reason: StopReason) -> None:
    """`stop_job` within a transaction of the caller."""
    if reason is StopReason.CANCEL:
        transitions.cancel(connection, fence)
    elif reason in FAILURES:
        transitions.fail(connection, fence, FAILURES[reason])
    elif reason is StopReason.DRAIN:
        transitions.hand_back(connection, fence, EndReason.DRAIN, jitter=random.random())  # noqa: S311 - jitter
