"""Runs a worker: the fork server first, then the heartbeat, and Celery once the server has loaded the engine."""

import atexit
import gc
import os
import signal
import sys

import celery.apps.worker  # noqa: F401 - what the fork server shall share with this process
import kombu.transport.redis  # noqa: F401

from ml_training.domain.worker_shape import WORKER_VARIABLE, training_environment
from ml_training.logs import configure_logs, warn_of_settings
from ml_training.settings import unknown_settings
from workers.app import app, cores, settings, shape
from workers.database_check import require_database
from workers.fork_server import ForkServer, start_fork_server
from workers.heartbeat import WorkerHeartbeat
from workers.pool_child import load_engine

OPTIONS = ("--without-gossip", "--without-mingle", "--without-heartbeat")
NO_SERVER = 70  # exit status: the supervisor starts the worker again


def run_worker() -> int:
    """Run until SIGTERM or SIGINT; raises SystemExit with Celery's status."""
    app.worker_main(
        ["--quiet", "worker", "--loglevel", settings.log_level, "--hostname", f"worker-{os.getpid()}@%h", *OPTIONS]
    )
    return 0


def start_processes(heartbeat: WorkerHeartbeat) -> None:
    """What a worker needs before Celery starts its pool, and what ends with it; raises SystemExit if it cannot start.

    Call it while this process has one thread and no connection: Celery's signal `celeryd_init` is early enough.
    """
    configure_logs(settings.log_format, settings.log_level)
    warn_of_settings(unknown_settings())
    for name, value in training_environment(cores, concurrency=shape.concurrency, threads=shape.threads).items():
        os.environ.setdefault(name, value)
    os.environ[WORKER_VARIABLE] = heartbeat.process
    gc.collect()
    gc.freeze()  # the collector writes to, and so copies, every page that holds an object
    server = start_fork_server(load_engine)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # until Celery has its own handlers: there is no job yet
    atexit.register(_stop, heartbeat, server)
    require_database(settings)  # while the server loads
    heartbeat.start()
    if not server.wait_until_loaded():
        sys.exit(1)
    server.watch(lambda: _end_without_server(heartbeat))


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _end_without_server(heartbeat: WorkerHeartbeat) -> None:
    if not heartbeat.stopped.is_set():
        os._exit(NO_SERVER)  # its children ended with it; their jobs are claimed again when their leases have expired


def _stop(heartbeat: WorkerHeartbeat, server: ForkServer) -> None:
    heartbeat.stop()
    server.end()
