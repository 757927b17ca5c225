"""The contract between `run_job` and the handlers: what a handler gets, and what it returns."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.cluster.dask_cluster import DaskCluster
from ml_training.db.engine import Database
from ml_training.domain.limits import Limits
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.forked_work import RunWork, in_this_process
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.memory_limit import NO_LIMIT, MemoryLimit
from ml_training.execution.transitions import AttemptFence
from ml_training.execution.watchdog import NO_WATCHDOG, Watchdog
from ml_training.sources.sources import NO_SOURCES, Sources
from ml_training.storage.base import Storage
from ml_training.storage.file_cache import NO_CACHE, FileCache
from ml_training.training.cores import Cores


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The work is done. `store` writes the one result row, in the transaction that completes the job, and returns its
    id; every file that the row names is in the storage already. reused_from: the equal job that has done the work."""

    store: Callable[[Connection, AttemptFence], int]
    rows_used: int
    reused_from: int | None = None


@dataclass(frozen=True, slots=True)
class JobWaits:
    """A study continues when jobs have ended. `store` makes further ones, in the transaction that lets the study wait,
    and returns how many; none: for those that there are. progress, message: what the study shows while it waits."""

    store: Callable[[Connection, AttemptFence], int]
    progress: float
    message: str


def _tell_nobody(job: Job) -> None:
    """Nobody waits."""


def _no_trouble() -> str | None:
    """There is one storage only."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """What one process of a worker runs jobs with."""

    database: Database
    storage: Storage
    limits: Limits
    worker: str  # the heartbeat row of the worker that this process belongs to
    cores: Cores  # what the running job may use
    times: LeaseTimes
    handlers: Mapping[JobType, "JobHandler"]
    send_progress: Callable[[Job, float, str], None]  # to the event channel; must never block
    hold_cores: Callable[[], AbstractContextManager[None]] = nullcontext  # while a job runs: it has its share
    tell_end: Callable[[Job], None] = _tell_nobody  # wakes those who wait for the end; must never block
    memory: MemoryLimit = NO_LIMIT
    storage_trouble: Callable[[], str | None] = _no_trouble  # why this worker may not use its storage now
    run_work: RunWork = in_this_process  # work on files of users
    binned_rows: FileCache = NO_CACHE  # of large data, as LightGBM trains from them
    sources: Sources = NO_SOURCES  # where data sets come from that nobody uploads
    watchdog: Watchdog = NO_WATCHDOG
    dask: DaskCluster | None = None  # for jobs with that engine


JobHandler = Callable[[WorkerContext, Job, JobReporter], JobOutcome | JobWaits]
