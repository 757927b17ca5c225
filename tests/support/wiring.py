"""The parts of the service wired together for tests, in one place: resources, and the context of a worker process."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml_training.db.engine import Database
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.limits import Limits
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobHandler, WorkerContext
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.watchdog import NoWatchdog, Watchdog
from ml_training.queue.broker_check import BrokerCheck
from ml_training.queue.ended_jobs import open_end_listener
from ml_training.queue.permits import open_permits
from ml_training.services.resources import Resources
from ml_training.storage.base import Storage
from ml_training.storage.local import LocalStorage
from ml_training.training.cores import FixedCores

QUICK = LeaseTimes(lease=1.0, renew=0.2, poll=0.02, cancel_grace=0.3, drain_grace=0.3)
SLOW = LeaseTimes(lease=300.0, renew=60.0, poll=1.0, cancel_grace=60.0, drain_grace=60.0)


class RecordingWatchdog(NoWatchdog):
    """Calls a function instead of ending the process."""

    def __init__(self, end_process: Callable[[], object]) -> None:
        self._end_process = end_process

    def end_process(self) -> None:
        """See Watchdog."""
        self._end_process()


def make_resources(
    database: Database, root: Path | Storage, *, broker_url: str, limits: Limits | None = None, budget: float = 1.0
) -> Resources:
    """The resources of a process over a database and a storage, or its directory."""
    return Resources(
        database=database.of(database.project_id or DEFAULT_PROJECT_ID),
        storage=LocalStorage(root) if isinstance(root, Path) else root,
        permits=open_permits(broker_url, budget=budget),
        broker_check=BrokerCheck(broker_url, budget=budget),
        ended_jobs=open_end_listener(broker_url),
        limits=limits or Limits(),
        heartbeat_dead_seconds=30.0,
    )


def make_worker_context(
    database: Database,
    root: Path | Storage,
    handlers: Mapping[JobType, JobHandler] | JobHandler,
    *,
    worker: str = "worker@test-1",
    times: LeaseTimes = QUICK,
    limits: Limits | None = None,
    watchdog: Watchdog | None = None,
    **more: Any,
) -> WorkerContext:
    """The context of a worker process; a single handler runs the jobs of every type."""
    return WorkerContext(
        database=database,
        storage=LocalStorage(root) if isinstance(root, Path) else root,
        limits=limits or Limits(),
        worker=worker,
        cores=FixedCores(1),
        times=times,
        handlers=handlers if isinstance(handlers, Mapping) else dict.fromkeys(JobType, handlers),
        send_progress=_send_nothing,
        watchdog=watchdog or NoWatchdog(),
        **more,
    )


def _send_nothing(job: Job, fraction: float, message: str) -> None:
    """No event channel: what it carries is only shown."""
