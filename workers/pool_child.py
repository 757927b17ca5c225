"""The composition root of a pool child, and what its worker's fork server loads for all children."""

import gc
import os
import sys
from functools import cache

from ml_training.cluster.open_cluster import open_cluster
from ml_training.db.engine import open_database
from ml_training.domain.queue_names import EVENT_PROGRESS
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.domain.worker_shape import WORKER_VARIABLE
from ml_training.execution.forked_work import run_work
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.memory_limit import slot_memory
from ml_training.execution.watchdog import ProcessWatchdog
from ml_training.logs import configure_logs, get_logger
from ml_training.process.shared_cores import SharedCores
from ml_training.process.storage_check import StorageCheck
from ml_training.queue.celery_app import make_celery
from ml_training.queue.ended_jobs import dataset_key, job_key, open_end_sender
from ml_training.queue.event_sender import EventSender
from ml_training.queue.permits import open_permits
from ml_training.sources.sources import Sources
from ml_training.storage.open_storage import open_file_cache, open_storage
from workers.app import cores, settings, shape

log = get_logger(__name__)


def load_engine() -> None:
    """Load and warm the engine in the fork server: with one thread, since no other would survive a fork."""
    gc.disable()  # nothing of what is loaded is garbage
    from ml_training.training.left_out import leave_out

    # No job needs it, and scikit-learn, LightGBM and Arrow import it where a user has installed it: 30 MB, and a
    # quarter of what a worker loads.
    leave_out("pandas")
    from ml_training.training.skops_import import import_skops

    import_skops()
    from ml_training.execution import handlers  # noqa: F401 - the children find it loaded

    if sys.platform == "linux":  # macOS does not allow its matrix library after a fork when it was used before
        from ml_training.training.engine import warm_up

        warm_up(threads=1)
    gc.collect()
    gc.freeze()  # the collector of a child would write to, and so copy, every page that holds an object
    gc.enable()


@cache
def worker_context() -> WorkerContext:
    """The context of this process; the first call starts the event thread."""
    # Imported here: the parent of the pool imports this module too, and must stay small.
    from ml_training.execution.handlers import HANDLERS

    configure_logs(settings.log_format, settings.log_level)
    memory = slot_memory(settings.worker_memory_bytes, slots=shape.concurrency)
    memory.enforce()
    events = EventSender(make_celery(settings.broker, socket_timeout=1.0, max_retries=0))
    events.start()

    def send_progress(job: Job, fraction: float, message: str) -> None:
        events.send(EVENT_PROGRESS, job_id=job.id, attempt=job.attempt, progress=fraction, message=message)

    ends = open_end_sender(settings.broker)
    ends.start()

    def tell_end(job: Job) -> None:
        ends.send(end_keys(job))

    database, storage = open_database(settings.database, pool_size=2), open_storage(settings)
    share = max(1, cores // shape.concurrency)
    shared = SharedCores(settings.data_dir, cores=cores, most=shape.threads, alone=min(share, shape.threads))
    context = WorkerContext(
        database=database,
        storage=storage,
        storage_trouble=StorageCheck(database, storage).trouble,
        limits=settings.limits,
        worker=os.environ[WORKER_VARIABLE],
        cores=shared,
        hold_cores=shared.running,
        times=lease_times(),
        handlers=HANDLERS,
        send_progress=send_progress,
        tell_end=tell_end,
        memory=memory,
        run_work=run_work(memory),
        binned_rows=open_file_cache(settings),
        sources=Sources(settings.data_sources),
        watchdog=ProcessWatchdog(),
        dask=open_cluster(settings),
    )
    log.info("child_ready", threads=shape.threads, pid=os.getpid())
    return context


def wake_another_child() -> None:
    """Send a permit, best effort."""
    permits = open_permits(settings.broker, budget=settings.publish_budget_seconds)
    permits.send(1)
    permits.close()


def end_keys(job: Job) -> list[str]:
    """Under which names others wait for the end of a job: a data set is done when its INGEST job has ended."""
    keys = [job_key(job.id)]
    if job.job_type is JobType.INGEST and job.dataset_id is not None:
        keys.append(dataset_key(job.dataset_id))
    return keys


def lease_times() -> LeaseTimes:
    """The lease's times from the settings."""
    return LeaseTimes(
        lease=settings.lease_seconds,
        renew=settings.lease_renew_seconds,
        poll=settings.lease_poll_seconds,
        cancel_grace=settings.cancel_grace_seconds,
        drain_grace=settings.drain_grace_seconds,
        checkpoint=settings.checkpoint_seconds,
        stall=settings.stall_seconds,
    )
