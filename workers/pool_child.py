"""The composition root of a pool child: the database, the storage and a warm machine-learning stack, once a process."""

import faulthandler
import os
from typing import NoReturn

from ml_training.db.engine import open_database
from ml_training.domain.queue_names import EVENT_PROGRESS
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.memory_limit import slot_memory
from ml_training.execution.run_job import WorkerContext
from ml_training.logs import configure_logs, get_logger
from ml_training.queue.celery_app import make_celery
from ml_training.queue.event_sender import EventSender
from ml_training.storage.local import LocalStorage
from workers.app import settings, shape

log = get_logger(__name__)
STDERR = 2  # the descriptor: what Celery has put in the place of sys.stderr is no file
EXIT_ENDED = 70  # the lease thread ended the process; the pool starts a new child
_place: list[WorkerContext] = []


def worker_context() -> WorkerContext:
    """The workplace of this process; `open_workplace` must have run."""
    return _place[0]


def open_worker_context(worker: str) -> None:
    """Import and warm the engine, open the database lazily, start the event thread."""
    # Here, not at the top: the parent of the pool imports this module too, and must stay small.
    from ml_training.execution.handlers.compare import run_compare
    from ml_training.execution.handlers.test import run_test

    from ml_training.execution.handlers.ingest import ingest_handler
    from ml_training.execution.handlers.train import run_train
    from ml_training.training.engine import warm_up

    configure_logs(settings.log_format, settings.log_level)
    warm_up(threads=shape.threads)
    memory = slot_memory(settings.worker_memory_bytes, slots=shape.concurrency)
    memory.enforce()
    events = EventSender(make_celery(settings.broker, socket_timeout=1.0, max_retries=0))
    events.start()

    def announce(job: Job, fraction: float, message: str) -> None:
        events.announce(EVENT_PROGRESS, job_id=job.id, attempt=job.attempt, progress=fraction, message=message)

    _place[:] = [
        WorkerContext(
            database=open_database(settings.database, pool_size=2),
            storage=LocalStorage(settings.data_dir / "storage"),
            worker=worker,
            threads=shape.threads,
            times=lease_times(),
            handlers={
                JobType.TRAIN: run_train,
                JobType.TEST: run_test,
                JobType.COMPARE: run_compare,
                JobType.INGEST: ingest_handler(settings.limits),
            },
            announce=announce,
            end_process=end_process,
            memory=memory,
            end_unless_seen=end_unless_seen,
        )
    ]
    log.info("child_ready", threads=shape.threads, pid=os.getpid())


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


def end_process() -> NoReturn:
    """Leave at once, without finally blocks: the training code holds this process and will not give it back."""
    os._exit(EXIT_ENDED)


def end_unless_seen(seconds: float | None) -> None:
    """Have a thread of C, which needs no interpreter, say where this process stands and end it after `seconds`."""
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
