"""The one helper that polls: waits until a condition holds, or says what it saw last."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within: float = 30.0, every: float = 0.05, what: str = "") -> T:
    """The first truthy answer of `probe`; raises AssertionError with the last answer after `within` seconds.

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
