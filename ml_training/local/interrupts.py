"""Ctrl-C and its relatives as a question that the main loop asks, never as an exception somewhere in between."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME_SECONDS = 0.5  # a terminal, a shell and make may each pass on one Ctrl-C


class StopRequested(Exception):
    """Somebody asked for the end; everything is put away on the way out."""


class Interrupts:
    """How often this process was asked to stop."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._hurry = False
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """Asked at least once."""
        return self._event.is_set()

    def hurry(self) -> bool:
        """Asked again, later."""
        return self._hurry

    def wait(self, seconds: float) -> None:
        """Up to `seconds`; raises StopRequested at once when asked."""
        if self._event.wait(seconds):
            raise StopRequested

    def note(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal arrived."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        elif number != signal.SIGHUP and now - self._first > SAME_SECONDS:
            self._hurry = True
        self._event.set()


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Listen to SIGINT, SIGTERM and SIGHUP meanwhile.

    An ignored SIGHUP stays ignored: that is what nohup is for. An ignored SIGINT does not: a script's shell ignores it
    for everything that it starts with &, and `kill -INT` should drain the stack there too.
    """
    asked = Interrupts()
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:
            signal.signal(number, asked.note)
    try:
        yield asked
    finally:
        for number in numbers:
            signal.signal(number, before[number])
