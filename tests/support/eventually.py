"""The one helper that polls: waits until a condition holds, or says what it saw last."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# How long to wait for what must happen. Not a promise: a machine whose cores are busy gives a process a fifth of its
# time, and a worker's start costs seven seconds of a free core. A test that passes never waits longer than it must.
# A test of a mutant is there to fail: `make mutants` shortens it.
PATIENCE = float(os.environ.get("PATIENCE_SECONDS") or 180)


def eventually(probe: Callable[[], T], *, within: float = PATIENCE, every: float = 0.05, what: str = "") -> T:
    """The first truthy answer of `probe`; raises AssertionError with the last answer after `within` seconds.

    Give `within` only where the bound itself is the assertion: a documented time, or less than what else would end it.

    An AssertionError or OSError raised by `probe` counts as "not yet", so that a probe may assert or connect.
    """
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            answer = probe()
        except (AssertionError, OSError) as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what or probe}; last seen: {last!r}")
        time.sleep(every)
