"""The parts of a single-machine stack: command lines, environment, and how each proves that it is ready."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ml_training.db.engine import Database
from ml_training.domain.worker_shape import training_environment, worker_shape
from ml_training.local.libgomp import openmp_environment
from ml_training.local.logfiles import LogFile
from ml_training.local.processes import Service
from ml_training.local.readiness import answers_with, beats
from ml_training.local.redis_server import RedisPlan, answers
from ml_training.local.urls import urls_of
from ml_training.settings import PREFIX, Settings

STOP_ORDER = ("api", "worker", "maintenance", "exporter", "redis")
DRAIN_SECONDS = 15.0  # workers hand their jobs back within 10


def redis_service(plan: RedisPlan, logs: Path) -> Service:
    """The embedded broker."""
    return Service("redis", plan.command, lambda pid: answers(plan.url, pid=pid), _log(logs, "redis"))


def migrate_command() -> tuple[str, ...]:
    """The one-shot command that brings the database to this code's schema."""
    return _python("ml_training.db.migrate")


def python_services(settings: Settings, *, database: Database, environment: Mapping[str, str]) -> list[Service]:
    """Exporter, API, worker and maintenance, in the order of their start: who listens to events comes first."""
    logs = settings.data_dir / "logs"
    urls = urls_of(settings)
    within = settings.heartbeat_dead_seconds
    worker = {**environment, **worker_environment(settings)}
    return [
        Service(
            "exporter",
            _python("exporter"),
            answers_with(f"{urls.exporter}/health/live", field="pid"),
            _log(logs, "exporter"),
            environment,
        ),
        Service(
            "api",
            _python("ml_training.api"),
            answers_with(f"{urls.api}/api/v1/health/live", field="master_pid"),
            _log(logs, "api"),
            environment,
        ),
        Service(
            "worker",
            _python("workers"),
            beats(database, kind="worker", within_seconds=within),
            _log(logs, "worker"),
            worker,
            stop_seconds=DRAIN_SECONDS,
        ),
        Service(
            "maintenance",
            _python("workers", "maintenance"),
            beats(database, kind="maintenance", within_seconds=within),
            _log(logs, "maintenance"),
            environment,
        ),
    ]


def stack_environment(settings: Settings, *, broker_url: str) -> dict[str, str]:
    """What every part must know of this stack, as the variables that settings are read from."""
    return {
        f"{PREFIX}DATABASE_URL": settings.database,
        f"{PREFIX}BROKER_URL": broker_url,
        f"{PREFIX}DATA_DIR": str(settings.data_dir),
    }


def worker_environment(settings: Settings) -> dict[str, str]:
    """What a worker needs before it starts: its shape, OpenMP's rules and, if need be, an OpenMP runtime."""
    cores = usable_cores()
    shape = worker_shape(cores, concurrency=settings.worker_concurrency, threads=settings.worker_threads)
    return {
        f"{PREFIX}WORKER_CONCURRENCY": str(shape.concurrency),
        f"{PREFIX}WORKER_THREADS": str(shape.threads),
        **training_environment(cores, concurrency=shape.concurrency, threads=shape.threads),
        **openmp_environment(settings.data_dir / "lib"),
    }


def usable_cores() -> int:
    """The cores that this process may use; macOS does not say, there it is all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _log(directory: Path, name: str) -> LogFile:
    return LogFile(directory / f"{name}.log")
