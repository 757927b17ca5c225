"""What a worker does when it starts, drains or gets a new child: handlers of Celery's signals, connected at import."""

from functools import cache
from typing import Any

from celery import signals

from ml_training.execution.memory_limit import private_memory
from ml_training.logs import configure_logs
from workers.app import settings, shape
from workers.fork_server import tell_exit_status
from workers.heartbeat import WorkerHeartbeat
from workers.pool_child import worker_context
from workers.pool_ready import say_ready
from workers.run_worker import start_processes


@cache
def worker_heartbeat() -> WorkerHeartbeat:
    """The heartbeat of this worker, made by the parent of the pool."""
    return WorkerHeartbeat(settings, shape)


@signals.celeryd_init.connect  # type: ignore[untyped-decorator]
def _start_processes(**_: Any) -> None:
    start_processes(worker_heartbeat())


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: Any) -> None:
    configure_logs(settings.log_format, settings.log_level)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _drain(**_: Any) -> None:
    worker_heartbeat().drain()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _open_context(**_: Any) -> None:
    worker_context()
    from workers.jobs_left import JOBS_LEFT  # only in a child: the parent runs no job

    JOBS_LEFT.begin = private_memory()
    say_ready(JOBS_LEFT.begin)


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _tell_exit_status(exitcode: int, **_: Any) -> None:
    tell_exit_status(exitcode)
