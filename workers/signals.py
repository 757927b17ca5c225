"""What a worker does when it starts, drains or gets a new child: handlers of Celery's signals, connected at import."""

import os
from functools import cache
from typing import Any

from celery import signals

from ml_training.logs import configure_logs
from workers.app import settings, shape
from workers.heartbeat import WorkerHeartbeat
from workers.pool_child import WORKER_VARIABLE, worker_context
from workers.starting_children import mark_child_ready


@cache
def _heartbeat() -> WorkerHeartbeat:
    """The heartbeat of this worker, made by the parent of the pool."""
    return WorkerHeartbeat(settings, slots=shape.concurrency)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: Any) -> None:
    configure_logs(settings.log_format, settings.log_level)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _name_worker(**_: Any) -> None:
    os.environ[WORKER_VARIABLE] = _heartbeat().process


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start_heartbeat(**_: Any) -> None:
    _heartbeat().start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    _heartbeat().drain()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _stop_heartbeat(**_: Any) -> None:
    _heartbeat().stop()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm_child(**_: Any) -> None:
    worker_context()
    mark_child_ready()
