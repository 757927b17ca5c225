"""Turns Ctrl-C, SIGTERM and SIGHUP into a flag that the main loop reads, instead of an exception at any point."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ml_training.process.stop_event import StopEvent

DUPLICATE_SECONDS = 0.5  # a terminal, a shell and make may each deliver the same Ctrl-C


class StopRequested(Exception):
    """A user or the system asked this process to stop; `finally` blocks clean up."""


class Interrupts:
    """The stop signals that this process received."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._forced = False
        self._event = StopEvent()

    @property
    def requested(self) -> bool:
        """Whether at least one stop signal arrived."""
        return self._event.is_set()

    def forced(self) -> bool:
        """Whether a second, later signal asked to stop without waiting."""
        return self._forced

    def wait(self, seconds: float) -> None:
        """Wait up to `seconds`; raises StopRequested as soon as a stop is requested."""
        if self._event.wait(seconds):
            raise StopRequested

    def handle_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """Record a signal; the signature is that of a `signal.signal` handler."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        elif number != signal.SIGHUP and now - self._first > DUPLICATE_SECONDS:
            self._forced = True
        self._event.set()


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Handle SIGINT, SIGTERM and SIGHUP within the context.

    An ignored SIGHUP stays ignored, since that is what nohup does. An ignored SIGINT is handled: the shell of a script
    ignores SIGINT for everything that it starts with &, and `kill -INT` should drain the stack there too.
    """
    interrupts = Interrupts()
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:
            signal.signal(number, interrupts.handle_signal)
    try:
        yield interrupts
    finally:
        for number in numbers:
            signal.signal(number, before[number])
