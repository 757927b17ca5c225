"""When a background loop may work: regularly, sooner when asked, and never for more than its share of the time."""

import threading
import time
from collections.abc import Callable, Iterator

SHORTEST_SECONDS = 0.1  # at most ten turns a second, however often it is asked


class Pace:
    """Paces one loop: `for _ in pace.turns(): work()`; `ask` and `stop` may be called from any thread.

    `interval` says how many seconds may pass from start to start while nobody asks; `share` is the part of the time
    that work may take when somebody asks all the time.
    """

    def __init__(
        self, interval: Callable[[], float], *, share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._rest = 1.0 / share - 1.0
        self._clock = clock
        self._asked = threading.Event()
        self._stopped = threading.Event()

    def ask(self) -> None:
        """Something changed: take the next turn as soon as the share allows."""
        self._asked.set()

    def stop(self) -> None:
        """End `turns` after the current one."""
        self._stopped.set()
        self._asked.set()

    def turns(self) -> Iterator[None]:
        """One item a turn, until stopped."""
        while not self._stopped.is_set():
            self._asked.clear()  # before the work: what is asked during it may have come too late for it
            started = self._clock()
            yield
            took = self._clock() - started
            self._stopped.wait(max(SHORTEST_SECONDS - took, took * self._rest))
            self._asked.wait(max(0.0, self._interval() - (self._clock() - started)))
