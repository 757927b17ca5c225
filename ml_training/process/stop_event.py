"""An event that a signal handler may set: `threading.Event` may not, its lock can be held by the interrupted code."""

import os
import select
import weakref

MILLISECONDS = 1000


class StopEvent:
    """Like `threading.Event`, but without `clear`, and safe to set in a handler of `signal.signal`.

    The handler runs in the main thread between two of its instructions. If these are within `threading.Event.wait`,
    `threading.Event.set` waits for a lock that its own thread holds, and the process never ends. Here `set` writes a
    byte to a pipe; nobody reads it, so every present and future `wait` returns.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        weakref.finalize(self, _close, self._reader, self._writer)

    def is_set(self) -> bool:
        """Whether `set` was called."""
        return self._is_set

    def set(self) -> None:
        """Let every `wait` return, now and later."""
        if not self._is_set:
            self._is_set = True
            os.write(self._writer, b"\0")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until `set` was called, or for `seconds`; whether it was called."""
        waiter = select.poll()
        waiter.register(self._reader, select.POLLIN)
        waiter.poll(None if seconds is None else seconds * MILLISECONDS)
        return self._is_set


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
