"""Remembers the estimates that dry runs have given, so that they can be compared with what comes of them.

In the memory of the process: a submission looks here and reads nothing. An estimate that another process has given, or
that is older, is not compared.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ml_training.domain.specs import JobSpec

KEPT = 1_000
KEPT_SECONDS = 60.0  # a queue is another one later


@dataclass(frozen=True, slots=True)
class GivenEstimate:
    """What a dry run said of a job: its run time, and when it starts, in seconds; None where it did not know."""

    seconds: float | None
    starts_in_seconds: float | None


class GivenEstimates:
    """The last estimates by project and spec; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._given: OrderedDict[str, tuple[float, GivenEstimate]] = OrderedDict()

    def give(self, spec: JobSpec, estimate: GivenEstimate, *, project_id: int) -> None:
        """Remember an estimate for the job that may be submitted next."""
        with self._lock:
            self._given[_key(spec, project_id)] = (self._clock(), estimate)
            self._given.move_to_end(_key(spec, project_id))
            while len(self._given) > KEPT:
                self._given.popitem(last=False)

    def take(self, spec: JobSpec, *, project_id: int) -> GivenEstimate | None:
        """The estimate for a job that is submitted now, once; None when there is none."""
        if not self._given:  # so that submissions without dry runs cost nothing
            return None
        with self._lock:
            given_at, estimate = self._given.pop(_key(spec, project_id), (float("-inf"), None))
        return estimate if self._clock() - given_at <= KEPT_SECONDS else None


def _key(spec: JobSpec, project_id: int) -> str:
    return f"{project_id} {spec.model_dump_json()}"
