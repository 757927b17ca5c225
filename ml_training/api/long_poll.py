"""Long polling: `?wait=` holds a request until a job or a data set is finished, within limits."""

import time
from collections.abc import Callable
from typing import TypeVar

from flask import Response

from ml_training.api.context import context
from ml_training.api.slow_requests import RETRY_AFTER_SECONDS

T = TypeVar("T")
SLICE_SECONDS = 1.0  # a draining process notices after at most this time


def long_poll(
    seconds: int, wait: Callable[[float], T], *, has_ended: Callable[[T], bool], respond: Callable[[T], Response]
) -> Response:
    """Answer with what `wait(seconds)` returns; when too many requests wait, at once and with Retry-After."""
    found = wait(0.0)
    if seconds == 0 or has_ended(found):
        return respond(found)
    permit = context().slow_requests.try_acquire_wait()
    if permit is None:
        response = respond(found)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    with permit:
        return respond(_in_slices(seconds, wait, has_ended))


def _in_slices(seconds: int, wait: Callable[[float], T], has_ended: Callable[[T], bool]) -> T:
    is_draining = context().is_draining
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        found = wait(max(0.0, min(left, SLICE_SECONDS)))
        if has_ended(found) or left <= SLICE_SECONDS or is_draining():
            return found
