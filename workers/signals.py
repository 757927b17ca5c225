"""What happens when a worker starts, shuts down or gets a new child; connected when Celery loads its modules."""

import os
from typing import Any

from celery import signals

from ml_training.logs import configure_logs
from workers.app import settings, shape
from workers.heartbeat import WorkerHeartbeat
from workers.starting_children import mark_child_ready

WORKER_VARIABLE = "ML_TRAINING_WORKER_NAME"  # hands the parent's name to its children
_heartbeat: list[WorkerHeartbeat] = []


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _logs(**_: Any) -> None:
    configure_logs(settings.log_format, settings.log_level)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _parent_starts(**_: Any) -> None:
    heartbeat = WorkerHeartbeat(settings, slots=shape.concurrency)
    os.environ[WORKER_VARIABLE] = heartbeat.process
    _heartbeat[:] = [heartbeat]


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _parent_is_ready(**_: Any) -> None:
    _heartbeat[0].start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _parent_drains(**_: Any) -> None:
    for heartbeat in _heartbeat:
        heartbeat.drain()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _parent_ends(**_: Any) -> None:
    for heartbeat in _heartbeat:
        heartbeat.stop()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _child_starts(**_: Any) -> None:
    from workers.pool_child import open_worker_context  # here: the parent must not load what a child needs

    open_worker_context(os.environ[WORKER_VARIABLE])
    mark_child_ready()
