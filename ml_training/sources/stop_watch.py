"""Ends a call into a driver, which waits for its server and looks at nothing else, when the job should stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOK_SECONDS = 0.1
TRY_AGAIN_SECONDS = 1.0


@contextmanager
def ended_on_request(should_stop: Callable[[], bool], end: Callable[[], None]) -> Iterator[None]:
    """During the block, call `end` in another thread once the job should stop, and again until the block ends.

    `end` makes the call that the block waits for return or raise; its own errors are ignored: it is called again.
    """
    done = threading.Event()

    def watch() -> None:
        pause = LOOK_SECONDS
        while not done.wait(pause):
            if should_stop():
                pause = TRY_AGAIN_SECONDS
                with suppress(Exception):
                    end()

    watcher = threading.Thread(target=watch, name="source-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
