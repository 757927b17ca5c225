"""The composition root of a pool child: database, storage, handlers and a warm engine, once per process."""

import os
from functools import cache

from ml_training.db.engine import open_database
from ml_training.domain.queue_names import EVENT_PROGRESS
from ml_training.domain.records import Job
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.memory_limit import slot_memory
from ml_training.execution.watchdog import ProcessWatchdog
from ml_training.logs import configure_logs, get_logger
from ml_training.queue.celery_app import make_celery
from ml_training.queue.event_sender import EventSender
from ml_training.storage.open_storage import open_storage
from ml_training.training.cores import FixedCores
from workers.app import settings, shape

log = get_logger(__name__)
WORKER_VARIABLE = "ML_TRAINING_WORKER_NAME"  # passes the name of the worker from the parent to its children


@cache
def worker_context() -> WorkerContext:
    """The context of this process. The first call loads and warms the engine and starts the event thread."""
    # Imported here: the parent of the pool imports this module too, and must stay small.
    from ml_training.execution.handlers import HANDLERS
    from ml_training.training.engine import warm_up

    configure_logs(settings.log_format, settings.log_level)
    warm_up(threads=shape.threads)
    memory = slot_memory(settings.worker_memory_bytes, slots=shape.concurrency)
    memory.enforce()
    events = EventSender(make_celery(settings.broker, socket_timeout=1.0, max_retries=0))
    events.start()

    def send_progress(job: Job, fraction: float, message: str) -> None:
        events.send(EVENT_PROGRESS, job_id=job.id, attempt=job.attempt, progress=fraction, message=message)

    context = WorkerContext(
        database=open_database(settings.database, pool_size=2),
        storage=open_storage(settings),
        limits=settings.limits,
        worker=os.environ[WORKER_VARIABLE],
        cores=FixedCores(shape.threads),
        times=lease_times(),
        handlers=HANDLERS,
        send_progress=send_progress,
        memory=memory,
        watchdog=ProcessWatchdog(),
    )
    log.info("child_ready", threads=shape.threads, pid=os.getpid())
    return context


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
