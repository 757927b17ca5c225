"""Runs one step of a collector: measures its time and keeps its error away from the rest of the page."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ml_training.logs import get_logger

log = get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CollectorRun:
    """How the last run of a collector went."""

    ok: bool
    seconds: float


class CollectorRunner:
    """Runs the same step of all collectors, on one thread at a time; `clock` is monotonic, seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failing: set[str] = set()

    def run(
        self, name: str, step: Callable[[], T], *, reraise: tuple[type[Exception], ...] = ()
    ) -> tuple[CollectorRun, T | None]:
        """The result of the step, None if it failed. Raises nothing but `reraise`: errors that concern them all."""
        started = self._clock()
        try:
            result = step()
        except reraise:
            raise
        except Exception:
            # The collector's edge: one broken collector must not cost the page. Logged once, not once a second.
            if name not in self._failing:
                log.exception("collector_failed", collector=name)
            self._failing.add(name)
            return CollectorRun(ok=False, seconds=self._clock() - started), None
        self._failing.discard(name)
        return CollectorRun(ok=True, seconds=self._clock() - started), result
