"""Limits how many threads slow requests may occupy, so that health checks always find one.

Slow are transfers, long polls, streams, and JSON bodies that take much CPU, which are served one at a time.
"""

import threading
from types import TracebackType

from ml_training.domain.errors import Unavailable

FREE_THREADS = 2
RETRY_AFTER_SECONDS = 1
TURN_SECONDS = 10.0


class SlowRequestPermit:
    """The right to occupy one thread for long; a context manager. Only the first release has an effect."""

    def __init__(self, *taken: threading.Semaphore) -> None:
        self._taken = taken
        self._lock = threading.Lock()

    def release(self) -> None:
        """Give the permit back; later calls do nothing."""
        with self._lock:
            taken, self._taken = self._taken, ()
        for semaphore in taken:
            semaphore.release()

    def __enter__(self) -> "SlowRequestPermit":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class SlowRequestLimiter:
    """At most `threads - 2` slow requests at a time (at least one), of which `waits` may be long polls or streams."""

    def __init__(self, *, threads: int, waits: int) -> None:
        permits = max(1, threads - FREE_THREADS)
        self._all = threading.Semaphore(permits)
        self._waits = threading.Semaphore(min(waits, permits))
        self._turn = threading.Semaphore(1)

    def acquire(self, what: str) -> SlowRequestPermit:
        """A permit for a transfer; raises Unavailable when there is none."""
        if not self._all.acquire(blocking=False):
            detail = f"too many transfers and waits at once for another {what}: try again in a moment"
            raise Unavailable(detail, retry_after=RETRY_AFTER_SECONDS)
        return SlowRequestPermit(self._all)

    def acquire_turn(self, what: str) -> SlowRequestPermit:
        """A permit for the only costly piece of work at a time; waits for it up to TURN_SECONDS; raises Unavailable."""
        permit = self.acquire(what)
        if not self._turn.acquire(timeout=TURN_SECONDS):
            permit.release()
            raise Unavailable(
                f"another {what} takes long: try again in a moment, or send less at once",
                retry_after=RETRY_AFTER_SECONDS,
            )
        return SlowRequestPermit(self._all, self._turn)

    def try_acquire_wait(self) -> SlowRequestPermit | None:
        """A permit for a long poll; None when there is none: then answer at once."""
        if not self._waits.acquire(blocking=False):
            return None
        if not self._all.acquire(blocking=False):
            self._waits.release()
            return None
        return SlowRequestPermit(self._waits, self._all)

    def acquire_stream(self) -> SlowRequestPermit:
        """A permit for a stream, counted with the long polls; raises Unavailable when there is none."""
        permit = self.try_acquire_wait()
        if permit is None:
            detail = "too many waits and streams at once for another stream: try again in a moment, or ask for the job"
            raise Unavailable(detail, retry_after=RETRY_AFTER_SECONDS)
        return permit
