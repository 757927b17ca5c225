"""A worker whose children never finish their start, as on a machine that is much too busy.

`python -m tests.support.slow_start` instead of `python -m workers`.
"""

import sys
import threading
from typing import NoReturn

from workers import pool_child


def never_ready() -> NoReturn:
    """Report that the child starts, and wait for ever."""
    print("a child starts", flush=True)  # noqa: T201 - the test reads it
    threading.Event().wait()
    raise AssertionError("nobody sets the event")


pool_child.worker_context = never_ready  # in the children too: they load this module as their main module

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
