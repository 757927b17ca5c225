"""Starts the single-machine stack of `ml-training up` in order, supervises it, and stops it in order."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_training.db.engine import Database, open_database
from ml_training.local.child_process import ChildProcess, ProcessSpec
from ml_training.local.console_output import CommandOutput
from ml_training.local.forked_process import load_shared_modules
from ml_training.local.interrupts import Interrupts
from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import OrphanGuard
from ml_training.local.ports import is_taken
from ml_training.local.readiness import describe_server
from ml_training.local.redis_server import configure_redis
from ml_training.local.run_file import RunInfo, lock_data_dir
from ml_training.local.stack_processes import (
    STOP_ORDER,
    migrate_command,
    python_processes,
    redis_process,
    stack_environment,
)
from ml_training.local.stack_secrets import remove_secrets
from ml_training.local.stack_urls import configured_urls
from ml_training.local.supervisor import Supervisor
from ml_training.process.migration_lock import migration_lock
from ml_training.settings import PREFIX, Settings

START_SECONDS = 120.0
TICK_SECONDS = 0.1
READY_TICK_SECONDS = 0.5  # once every process is ready; the restart of a lost one waits for a second anyway
FATAL_FAILURES = 2  # during the start: a process that failed twice would fail again


class StackError(Exception):
    """The stack could not start; the message says why and what to change."""


class Stack:
    """A running stack; once it has started wait with `pause` only, which also supervises the processes."""

    def __init__(self, supervisor: Supervisor, interrupts: Interrupts) -> None:
        self._supervisor = supervisor
        self._interrupts = interrupts

    def wait(self, seconds: float) -> None:
        """Only wait; raises StopRequested as soon as a stop is requested."""
        self._interrupts.wait(seconds)

    def pause(self, seconds: float) -> None:
        """Supervise for `seconds`; raises StopRequested as soon as a stop is requested."""
        end = time.monotonic() + seconds
        while True:
            self._supervisor.tick()
            tick = READY_TICK_SECONDS if self._supervisor.all_ready() else TICK_SECONDS
            left = end - time.monotonic()
            self._interrupts.wait(max(0.0, min(tick, left)))
            if left <= tick:
                return

    def wait_until_ready(self, *, within: float = START_SECONDS) -> None:
        """Supervise until every process is ready; raises StackError with the log of a process that is not."""
        deadline = time.monotonic() + within
        while not self._supervisor.all_ready():
            self.pause(TICK_SECONDS)
            late = time.monotonic() > deadline
            for process in self._supervisor.unready():
                if late or process.failures >= FATAL_FAILURES:
                    raise StackError(_start_error(process.spec.name, process.spec.log))


@contextmanager
def running_stack(
    settings: Settings, *, output: CommandOutput, interrupts: Interrupts
) -> Iterator[tuple[Stack, RunInfo]]:
    """Start all processes, yield the stack once it is ready, and always stop all processes in order.

    Raises StackError, AlreadyRunning, RedisError or StopRequested; no process keeps running then either.
    """
    with lock_data_dir(settings.data_dir) as lock:
        check_ports(settings)
        guard = OrphanGuard(keep_open=(lock,))
        supervisor = Supervisor(guard=guard, report=lambda name, what: _report_process(output, name, what))
        stack = Stack(supervisor, interrupts)
        database = open_database(settings.database, pool_size=1)
        try:
            info = _start(settings, stack=stack, supervisor=supervisor, guard=guard, database=database)
            info.write(settings.run_file)
            yield stack, info
        finally:
            settings.run_file.unlink(missing_ok=True)
            supervisor.stop(STOP_ORDER, force=interrupts.forced)
            remove_secrets(settings.data_dir)
            database.dispose()
            guard.close()


def check_ports(settings: Settings) -> None:
    """Raise StackError when a configured port is taken; the message names the setting to change."""
    urls = configured_urls(settings)
    if settings.api_port == settings.exporter_port:
        raise StackError(f"{PREFIX}API_PORT and {PREFIX}EXPORTER_PORT are both {settings.api_port}: change one")
    for name, host, port, url in (
        ("API", settings.api_host, settings.api_port, urls.api),
        ("EXPORTER", settings.exporter_host, settings.exporter_port, urls.exporter),
    ):
        try:
            taken = is_taken(host, port)
        except OSError as error:
            raise StackError(
                f"{host}:{port} cannot be used ({error.strerror or error}): "
                f"change {PREFIX}{name}_HOST or {PREFIX}{name}_PORT"
            ) from error
        if taken:
            raise StackError(
                f"port {port} of {host} is taken by another program ({describe_server(url)}): "
                f"stop that program, or set {PREFIX}{name}_PORT to a free port"
            )


def _start(
    settings: Settings, *, stack: Stack, supervisor: Supervisor, guard: OrphanGuard, database: Database
) -> RunInfo:
    logs, redis_directory = settings.data_dir / "logs", settings.data_dir / "redis"
    broker_url = settings.broker if settings.broker_url else _start_redis(redis_directory, logs, supervisor)
    load_shared_modules()  # while Redis starts
    _wait_for_redis(redis_directory, stack)
    environment = stack_environment(settings, broker_url=broker_url)
    worker, *others = python_processes(settings, database=database, environment=environment)
    with migration_lock(settings.data_dir):
        supervisor.start(worker)  # it has most to load, and needs the database only afterwards
        _migrate(environment, logs, guard=guard, stack=stack)
    for spec in others:
        supervisor.start(spec)
    stack.wait_until_ready()
    urls = configured_urls(settings)
    return RunInfo(
        api_url=(settings.tls_cert_file and settings.api_url) or urls.api,  # the name that its certificate has
        exporter_url=urls.exporter,
        broker_url=broker_url,
        database_url=settings.database,
        pid=os.getpid(),
    )


def _start_redis(directory: Path, logs: Path, supervisor: Supervisor) -> str:
    config = configure_redis(directory)
    supervisor.start(redis_process(config, logs))
    return config.url


def _wait_for_redis(directory: Path, stack: Stack) -> None:
    try:
        stack.wait_until_ready()
    except StackError as error:
        raise StackError(
            f"{error}\n  {directory} holds only permits to run jobs: it can be deleted, no job is lost"
        ) from None


def _migrate(environment: dict[str, str], logs: Path, *, guard: OrphanGuard, stack: Stack) -> None:
    log = LogFile(logs / "migrate.log")
    spec = ProcessSpec("migrate", migrate_command(), lambda _pid: True, log, environment)
    child = ChildProcess(spec, guard=guard)
    try:
        while child.poll() is None:
            stack.wait(TICK_SECONDS)
    finally:
        child.stop()
    if child.poll():
        raise StackError(_start_error("migrate", log))


def _start_error(name: str, log: LogFile) -> str:
    lines = "\n".join(f"  | {line}" for line in log.tail())
    return f"{name} did not start; the end of {log.path}:\n{lines or '  | (nothing)'}"


def _report_process(output: CommandOutput, name: str, what: str) -> None:
    output.message("part", f"  {name:<12} {what}", name=name, what=what)
