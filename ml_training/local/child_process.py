"""One child process in its own session: start it, poll it, stop it, and kill everything that it started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from ml_training.local.forked_process import ForkedProcess, can_fork, fork_module
from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import OrphanGuard, signal_process_group


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A command to run; `ready(pid)` is true once the process with that id answers."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[int], bool]
    log: LogFile
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0  # from SIGTERM to SIGKILL

    @property
    def module(self) -> tuple[str, ...]:
        """The module and its arguments, when the command is `python -m`; else nothing."""
        is_module = self.command[:2] == (sys.executable, "-m")
        return self.command[2:] if is_module else ()


class ChildProcess:
    """A started `ProcessSpec`."""

    def __init__(self, spec: ProcessSpec, *, guard: OrphanGuard) -> None:
        self._guard = guard
        self._stop_seconds = spec.stop_seconds
        with spec.log.open() as log:
            self._process = _start(spec, log)
        guard.child_started(self.pid)

    @property
    def pid(self) -> int:
        """The id of the process, and of its session."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, or None while the process runs."""
        return self._process.poll()

    def stop(self, *, force: Callable[[], bool] = lambda: False) -> bool:
        """Send SIGTERM; after `stop_seconds`, or once `force()` is true, SIGKILL the whole session.

        True if the process exited before the SIGKILL.
        """
        if self.poll() is None:
            self._process.terminate()
        deadline = time.monotonic() + self._stop_seconds
        while self.poll() is None and time.monotonic() < deadline and not force():
            time.sleep(0.02)
        exited = self.poll() is not None
        self.kill_session()
        return exited

    def kill_session(self) -> None:
        """Kill every process of the session that still runs, and wait for the child."""
        signal_process_group(self.pid)
        self._process.wait()
        self._guard.child_ended(self.pid)


def _start(spec: ProcessSpec, log: BinaryIO) -> "subprocess.Popen[bytes] | ForkedProcess":
    """In a session of its own: Ctrl-C is for the parent, which stops its children in order."""
    environment = child_environment(spec.environment)
    if spec.module and can_fork(spec.environment):
        return fork_module(spec.module, environment=environment, output=log.fileno())
    return subprocess.Popen(
        spec.command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, overridden by `variables`.

    Children do not import from the working directory: a user's folder may hold a package called `workers`.
    """
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", **variables}
