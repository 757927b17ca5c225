"""Limits how often a background loop works: regularly, sooner on demand, never more than its share of the time."""

import threading
import time
from collections.abc import Callable, Iterator

MIN_INTERVAL_SECONDS = 0.1  # at most ten turns a second, however often `trigger` is called


class Throttle:
    """Throttles one loop; `trigger` and `stop` may be called from any thread.

    `interval` returns how many seconds may pass from start to start without a trigger; `share` is the part of the time
    that the work may take when it is triggered all the time. Once a second, on demand for at most a fifth of a core:

        throttle = Throttle(lambda: 1.0, share=0.2)
        for _ in throttle.turns():
            work()
    """

    def __init__(
        self, interval: Callable[[], float], *, share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._rest = 1.0 / share - 1.0
        self._clock = clock
        self._triggered = threading.Event()
        self._stopped = threading.Event()

    def trigger(self) -> None:
        """Something changed: take the next turn as soon as the share allows."""
        self._triggered.set()

    def stop(self) -> None:
        """End `turns` after the current one."""
        self._stopped.set()
        self._triggered.set()

    def turns(self) -> Iterator[None]:
        """One item a turn, until stopped."""
        while not self._stopped.is_set():
            self._triggered.clear()  # before the work: a trigger during it may have come too late for it
            started = self._clock()
            yield
            took = self._clock() - started
            self._stopped.wait(max(MIN_INTERVAL_SECONDS - took, took * self._rest))
            self._triggered.wait(max(0.0, self._interval() - (self._clock() - started)))
