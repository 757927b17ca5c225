"""A worker whose children never finish their start, as on a machine that is much too busy.

`python -m tests.support.slow_start` instead of `python -m workers`.
"""

import sys
import threading

from workers import pool_child


def never_open(worker: str) -> None:
    """Say that the child starts, and wait for ever."""
    print(f"a child of {worker} starts", flush=True)  # noqa: T201 - the test reads it
    threading.Event().wait()


pool_child.open_worker_context = never_open  # in the children too: they load this module as their main module

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
