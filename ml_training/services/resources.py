"""What every use case needs, opened once per process: database, storage, permits, limits."""

from dataclasses import dataclass, field, replace
from typing import Any

from ml_training.db.engine import Database, open_database
from ml_training.domain.caller import SERVICE, Caller
from ml_training.domain.errors import Unavailable
from ml_training.domain.limits import Limits
from ml_training.domain.worker_shape import KEPT_BYTES, worker_shape
from ml_training.execution.memory_limit import slot_memory
from ml_training.process.storage_check import StorageCheck
from ml_training.process.usable_cores import usable_cores
from ml_training.queue.broker_check import BrokerCheck
from ml_training.queue.ended_jobs import EndListener, open_end_listener
from ml_training.queue.permits import Permits, open_permits
from ml_training.services.check_cache import CheckCache
from ml_training.services.given_estimates import GivenEstimates
from ml_training.services.group_commit import GroupCommit
from ml_training.services.slots import Slot, Slots
from ml_training.settings import Settings
from ml_training.sources.sources import NO_SOURCES, Sources
from ml_training.storage.base import Storage
from ml_training.storage.open_storage import open_storage

CHILD_BYTES = 150_000_000  # that a child of a worker has before its first job


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The parts of the service that hold state outside the process, and on whose behalf a use case runs."""

    database: Database
    storage: Storage
    permits: Permits
    broker_check: BrokerCheck
    ended_jobs: EndListener
    limits: Limits
    heartbeat_dead_seconds: float
    sources: Sources = NO_SOURCES
    slots: Slots = field(default_factory=lambda: Slots(configured=None))
    has_dask: bool = False  # whether jobs may ask for that engine
    redirect_seconds: int = 0  # for which a bucket gives a file itself to those who download it; 0: it does not
    caller: Caller = SERVICE
    check_cache: CheckCache = field(default_factory=CheckCache)
    given_estimates: GivenEstimates = field(default_factory=GivenEstimates)
    storage_check: StorageCheck = field(init=False)
    group_commit: GroupCommit[Any, Any] = field(init=False, default_factory=GroupCommit)  # of submissions

    def __post_init__(self) -> None:
        # Frozen for all who use it: this is a part that is made from two others.
        object.__setattr__(self, "storage_check", StorageCheck(self.database, self.storage))

    def acting_for(self, caller: Caller) -> "Resources":
        """The same parts on behalf of `caller`: its transactions see the rows of no other project."""
        acting = object.__new__(Resources)
        for name in self.__slots__:  # copy.copy takes eight times as long, and each request does this
            object.__setattr__(acting, name, getattr(self, name))
        object.__setattr__(acting, "caller", caller)
        object.__setattr__(acting, "database", self.database.of(caller.project_id))
        return acting

    def of(self, project_id: int) -> "Resources":
        """The same parts on behalf of the service itself, for one project."""
        return self.acting_for(replace(SERVICE, project_id=project_id))

    @property
    def project_id(self) -> int:
        """The project that these resources are for; raises RuntimeError when they are for none."""
        if self.database.project_id is None:
            raise RuntimeError("these resources belong to no project: use Resources.of(project_id)")
        return self.database.project_id

    def require_storage(self, *, may_begin: bool = False) -> None:
        """Raise Unavailable unless this process may use its storage; may_begin: see StorageCheck."""
        trouble = self.storage_check.trouble(may_begin=may_begin)
        if trouble is not None:
            raise Unavailable(f"this process cannot use its storage: {trouble}", retry_after=30)

    def close(self) -> None:
        """Close every connection."""
        self.permits.close()
        self.ended_jobs.close()
        self.database.dispose()


def build_resources(settings: Settings, *, pool_size: int = 4) -> Resources:
    """The resources of one process; connects lazily."""
    return Resources(
        database=open_database(settings.database, pool_size=pool_size),
        storage=open_storage(settings),
        permits=open_permits(settings.broker, budget=settings.publish_budget_seconds),
        broker_check=BrokerCheck(settings.broker, budget=settings.publish_budget_seconds),
        ended_jobs=open_end_listener(settings.broker),
        limits=settings.limits,
        heartbeat_dead_seconds=settings.heartbeat_dead_seconds,
        sources=Sources(settings.data_sources),
        slots=Slots(configured=_configured_slot(settings)),
        has_dask=bool(settings.dask_scheduler),
        redirect_seconds=settings.s3_redirect_seconds,
    )


def _configured_slot(settings: Settings) -> Slot:
    """What a worker on this machine with these settings would offer."""
    shape = worker_shape(usable_cores(), concurrency=settings.worker_concurrency, threads=settings.worker_threads)
    limit = slot_memory(settings.worker_memory_bytes, slots=shape.concurrency)
    return Slot(max(0, (limit.bytes or 0) - CHILD_BYTES - KEPT_BYTES), shape.threads)
