"""The loops that run in background threads: when they work, and where their errors end."""

from collections.abc import Callable
from typing import NamedTuple

from exporter.throttle import Throttle
from ml_training.logs import get_logger

log = get_logger(__name__)


class BackgroundLoop(NamedTuple):
    """A loop for a thread of its own: `run` returns soon after another thread has called `stop`."""

    name: str
    run: Callable[[], None]
    stop: Callable[[], None]


def throttled_loop(name: str, throttle: Throttle, work: Callable[[], None]) -> BackgroundLoop:
    """Call `work` at every turn of the throttle."""

    def run() -> None:
        for _ in throttle.turns():
            try:
                work()
            except Exception:  # the thread's edge: a loop that died would leave a page that looks alive
                log.exception("loop_failed", loop=name)

    return BackgroundLoop(name, run, throttle.stop)
