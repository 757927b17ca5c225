"""The processes of the single-machine stack: their commands, environment variables and readiness checks."""

import sys
from collections.abc import Mapping
from pathlib import Path

from ml_training.db.engine import Database
from ml_training.domain.worker_shape import training_environment, worker_shape
from ml_training.local.child_process import ProcessSpec
from ml_training.local.log_file import LogFile
from ml_training.local.openmp_runtime import openmp_environment
from ml_training.local.readiness import heartbeat_ready, http_ready
from ml_training.local.redis_server import RedisConfig, redis_answers
from ml_training.local.stack_secrets import write_secrets
from ml_training.local.stack_urls import configured_urls
from ml_training.process.usable_cores import usable_cores
from ml_training.settings import PREFIX, Settings

STOP_ORDER = ("api", "worker", "maintenance", "exporter", "redis")
WORKER_STOP_SECONDS = 15.0  # workers hand their jobs back within 10


def redis_process(config: RedisConfig, logs: Path) -> ProcessSpec:
    """The embedded Redis server, the broker of the stack."""
    return ProcessSpec("redis", config.command, lambda pid: redis_answers(config.url, pid=pid), _log(logs, "redis"))


def migrate_command() -> tuple[str, ...]:
    """The command that migrates the database to the schema of this version, and exits."""
    return _python_command("ml_training.db.migrate")


def python_processes(settings: Settings, *, database: Database, environment: Mapping[str, str]) -> list[ProcessSpec]:
    """The worker, then API, exporter and maintenance, in the order in which they start."""
    logs = settings.data_dir / "logs"
    urls = configured_urls(settings)
    within = settings.heartbeat_dead_seconds
    worker = {**environment, **worker_environment(settings)}
    return [
        ProcessSpec(
            "worker",
            _python_command("workers"),
            heartbeat_ready(database, kind="worker", within_seconds=within),
            _log(logs, "worker"),
            worker,
            stop_seconds=WORKER_STOP_SECONDS,
        ),
        ProcessSpec(
            "api",
            _python_command("ml_training.api"),
            http_ready(f"{urls.api}/api/v1/health/live", field="master_pid"),
            _log(logs, "api"),
            environment,
        ),
        ProcessSpec(
            "exporter",
            _python_command("exporter"),
            http_ready(f"{urls.exporter}/health/live", field="pid"),
            _log(logs, "exporter"),
            environment,
        ),
        ProcessSpec(
            "maintenance",
            _python_command("workers", "maintenance"),
            heartbeat_ready(database, kind="maintenance", within_seconds=within),
            _log(logs, "maintenance"),
            environment,
        ),
    ]


def stack_environment(settings: Settings, *, broker_url: str) -> dict[str, str]:
    """The settings that every process of the stack shares, as environment variables; secrets are in files."""
    secrets = {
        "database_url": settings.database,
        "broker_url": broker_url,
        "metrics_token": settings.metrics_token.get_secret_value(),
        "s3_access_key_id": settings.s3_access_key_id,
        "s3_secret_access_key": settings.s3_secret_access_key,
        "oidc_client_secret": settings.oidc_client_secret,
    }
    return {**write_secrets(settings.data_dir, secrets), f"{PREFIX}DATA_DIR": str(settings.data_dir)}


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment variables of a worker: processes and threads, OpenMP options and, if needed, its runtime."""
    cores = usable_cores()
    shape = worker_shape(cores, concurrency=settings.worker_concurrency, threads=settings.worker_threads)
    return {
        f"{PREFIX}WORKER_CONCURRENCY": str(shape.concurrency),
        f"{PREFIX}WORKER_THREADS": str(shape.threads),
        **training_environment(cores, concurrency=shape.concurrency, threads=shape.threads),
        **openmp_environment(settings.data_dir / "lib"),
    }


def _python_command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _log(directory: Path, name: str) -> LogFile:
    return LogFile(directory / f"{name}.log")
