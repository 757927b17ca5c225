"""One child process in a session of its own: start, look, ask to stop, kill with everything that it started."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import Guard, kill_session


@dataclass(frozen=True, slots=True)
class Service:
    """What to run, and how to know that it works: `ready(pid)` is true once process `pid` itself answers."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[int], bool]
    log: LogFile
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0  # from SIGTERM to SIGKILL


class Child:
    """A started `Service`."""

    def __init__(self, service: Service, *, guard: Guard) -> None:
        self._guard = guard
        self._stop_seconds = service.stop_seconds
        with service.log.open() as log:
            self._process = subprocess.Popen(
                service.command,
                env=child_environment(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
            )
        guard.started(self.pid)

    @property
    def pid(self) -> int:
        """The id of the process, and of its session."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def stop(self, *, hurry: Callable[[], bool] = lambda: False) -> bool:
        """SIGTERM, then SIGKILL to the whole session once the grace is over or `hurry()`; True if it left by itself."""
        if self.poll() is None:
            self._process.terminate()
        deadline = time.monotonic() + self._stop_seconds
        while self.poll() is None and time.monotonic() < deadline and not hurry():
            time.sleep(0.02)
        left = self.poll() is not None
        self.bury()
        return left

    def bury(self) -> None:
        """Kill whatever is left of the session."""
        kill_session(self.pid)
        self._process.wait()
        self._guard.ended(self.pid)


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, to be inherited, with `own` on top.

    The working directory is no place to import from: a user's folder may hold a package called `workers`.
    """
    return {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", **own}
