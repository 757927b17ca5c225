"""`ml-training up`: the single-machine stack from ordered start to ordered end."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_training.db.engine import Database, open_database
from ml_training.local.child_process import Child, Service
from ml_training.local.console_output import Reporter
from ml_training.local.interrupts import Interrupts
from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import Guard
from ml_training.local.ports import is_taken
from ml_training.local.readiness import who_answers
from ml_training.local.redis_server import plan_redis
from ml_training.local.run_file import RunInfo, only_stack
from ml_training.local.stack_processes import (
    STOP_ORDER,
    migrate_command,
    python_services,
    redis_service,
    stack_environment,
)
from ml_training.local.stack_urls import urls_of
from ml_training.local.supervisor import Supervisor
from ml_training.settings import PREFIX, Settings

START_SECONDS = 120.0
TICK_SECONDS = 0.1
FATAL_FAILURES = 2  # while starting: what fails twice has a reason that waiting does not cure


class StackError(Exception):
    """The stack could not be started; the message says why and what to change."""


class Stack:
    """A stack that is ready; `pause` is the only way to wait while it runs, since it also supervises."""

    def __init__(self, supervisor: Supervisor, asked: Interrupts) -> None:
        self._supervisor = supervisor
        self._asked = asked

    def pause(self, seconds: float) -> None:
        """Supervise for `seconds`; raises StopRequested as soon as somebody asks for the end."""
        end = time.monotonic() + seconds
        while True:
            self._supervisor.tick()
            left = end - time.monotonic()
            self._asked.wait(max(0.0, min(TICK_SECONDS, left)))
            if left <= TICK_SECONDS:
                return

    def until_ready(self, *, within: float = START_SECONDS) -> None:
        """Supervise until every part has proved itself; raises StackError with the log of the one that did not."""
        deadline = time.monotonic() + within
        while not self._supervisor.all_ready():
            self.pause(TICK_SECONDS)
            late = time.monotonic() > deadline
            for member in self._supervisor.unready():
                if late or member.failures >= FATAL_FAILURES:
                    raise StackError(_failure(member.service.name, member.service.log))


@contextmanager
def running_stack(settings: Settings, *, reporter: Reporter, asked: Interrupts) -> Iterator[tuple[Stack, RunInfo]]:
    """Start everything, yield it once all is ready, and stop everything in order whatever happens.

    Raises StackError, AlreadyRunning, RedisError or StopRequested; no process is left then either.
    """
    with only_stack(settings.data_dir) as lock:
        check_ports(settings)
        guard = Guard(keep_open=(lock,))
        supervisor = Supervisor(guard=guard, say=lambda name, what: _say_part(reporter, name, what))
        stack = Stack(supervisor, asked)
        database = open_database(settings.database, pool_size=1)
        try:
            info = _start(settings, stack=stack, supervisor=supervisor, guard=guard, database=database)
            info.write(settings.run_file)
            yield stack, info
        finally:
            settings.run_file.unlink(missing_ok=True)
            supervisor.stop(STOP_ORDER, hurry=asked.hurry)
            database.dispose()
            guard.close()


def check_ports(settings: Settings) -> None:
    """Raise StackError when a port of the settings is taken, naming the setting to change."""
    urls = urls_of(settings)
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
                f"port {port} of {host} is taken by another program ({who_answers(url)}): "
                f"stop that program, or set {PREFIX}{name}_PORT to a free port"
            )


def _start(settings: Settings, *, stack: Stack, supervisor: Supervisor, guard: Guard, database: Database) -> RunInfo:
    logs = settings.data_dir / "logs"
    broker_url = settings.broker_url or _start_redis(settings.data_dir / "redis", logs, supervisor, stack)
    environment = stack_environment(settings, broker_url=broker_url)
    _migrate(environment, logs, guard=guard, stack=stack)
    for service in python_services(settings, database=database, environment=environment):
        supervisor.start(service)
    stack.until_ready()
    urls = urls_of(settings)
    return RunInfo(
        api_url=urls.api,
        exporter_url=urls.exporter,
        broker_url=broker_url,
        database_url=settings.database,
        pid=os.getpid(),
    )


def _start_redis(directory: Path, logs: Path, supervisor: Supervisor, stack: Stack) -> str:
    plan = plan_redis(directory)
    supervisor.start(redis_service(plan, logs))
    try:
        stack.until_ready()
    except StackError as error:
        raise StackError(
            f"{error}\n  {directory} holds only permits to run jobs: it can be deleted, no job is lost"
        ) from None
    return plan.url


def _migrate(environment: dict[str, str], logs: Path, *, guard: Guard, stack: Stack) -> None:
    log = LogFile(logs / "migrate.log")
    child = Child(Service("migrate", migrate_command(), lambda _pid: True, log, environment), guard=guard)
    try:
        while child.poll() is None:
            stack.pause(TICK_SECONDS)
    finally:
        child.stop()
    if child.poll():
        raise StackError(_failure("migrate", log))


def _failure(name: str, log: LogFile) -> str:
    lines = "\n".join(f"  | {line}" for line in log.tail())
    return f"{name} did not start; the end of {log.path}:\n{lines or '  | (nothing)'}"


def _say_part(reporter: Reporter, name: str, what: str) -> None:
    reporter.say("part", f"  {name:<12} {what}", name=name, what=what)
