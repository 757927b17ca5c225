"""The watchdog: ends this process when training code keeps the interpreter so long that the lease thread cannot run."""

import faulthandler
import os
from typing import NoReturn, Protocol

STDERR = 2  # the file descriptor: Celery replaces sys.stderr by an object without one
EXIT_STATUS = 70  # the pool starts a new child whatever the status; this one tells the operator who ended the old one


class Watchdog(Protocol):
    """Ends the process of a job, now or unless it is fed in time."""

    def feed(self, seconds: float) -> None:
        """Allow the process `seconds` more; without another call it is ended then."""

    def stop(self) -> None:
        """Watch no longer: the job has left this process."""

    def end_process(self) -> None:
        """End the process at once: the training code does not return."""


class NoWatchdog:
    """Watches nothing and ends nothing."""

    def feed(self, seconds: float) -> None:
        """See Watchdog."""

    def stop(self) -> None:
        """See Watchdog."""

    def end_process(self) -> None:
        """See Watchdog."""


NO_WATCHDOG = NoWatchdog()


class ProcessWatchdog:
    """A thread of C code, which needs no interpreter lock: it writes every stack to stderr, then ends the process."""

    def feed(self, seconds: float) -> None:
        """See Watchdog."""
        faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)

    def stop(self) -> None:
        """See Watchdog."""
        faulthandler.cancel_dump_traceback_later()

    def end_process(self) -> NoReturn:
        """See Watchdog. No finally block runs."""
        os._exit(EXIT_STATUS)
