"""The states of jobs and data sets, and the transitions between them."""

from enum import StrEnum


class JobStatus(StrEnum):
    """The state of a job. COMPLETED, FAILED and CANCELLED are terminal, and terminal is final."""

    PENDING = "PENDING"  # in: submitted, or handed back by a lost or draining worker; out: claim, cancel
    RUNNING = "RUNNING"  # in: claim only; out: result, failure, cancel, hand-back
    COMPLETED = "COMPLETED"  # in: together with its result, by the current attempt only
    FAILED = "FAILED"  # in: the job's own fault, its time limit, or the third lost worker
    CANCELLED = "CANCELLED"  # in: a cancel request, at once while PENDING, within seconds while RUNNING

    @property
    def is_terminal(self) -> bool:
        """True for the states that a job never leaves."""
        return self in TERMINAL

    @property
    def code(self) -> int:
        """The value of `ml_job_status`: 1 PENDING ... 5 CANCELLED."""
        return STATUS_CODES[self]


STATUS_CODES = {status: number for number, status in enumerate(JobStatus, start=1)}
TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

# The database's triggers enforce this table; a test compares every pair of states with what each database accepts.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset(TERMINAL | {JobStatus.PENDING}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}


class DatasetStatus(StrEnum):
    """The state of a data set; READY and REJECTED are final."""

    PROCESSING = "PROCESSING"  # in: upload accepted; its INGEST job has not ended
    READY = "READY"  # in: INGEST completed and the file is usable
    REJECTED = "REJECTED"  # in: INGEST found the file unusable, failed or was cancelled


class TaskKind(StrEnum):
    """What a model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def is_classification(self) -> bool:
        """True for two or more classes."""
        return self is not TaskKind.REGRESSION
