"""A worker whose fork server never loads the engine, as on a machine that is much too busy.

`python -m tests.support.slow_start` instead of `python -m workers`.
"""

import sys
import threading

from workers import pool_child


def never_loaded() -> None:
    """Report that the server loads, and wait for ever."""
    print("the engine loads", flush=True)  # noqa: T201 - the test reads it
    threading.Event().wait()


pool_child.load_engine = never_loaded

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
