"""Changes the number of LightGBM's threads while a model trains.

`Booster.reset_parameter({"num_threads": n})` is not used: it begins the random draws of columns, thresholds and dropped
trees again, so that the model would depend on the moment of the change. The C function `LGBM_SetMaxThreads`, a limit
for the whole process, costs nothing and leaves the booster as it is. The Python package gives it no name of its own;
the conformance tests fail if a later version of the library has no such function.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import cpu_count  # type: ignore[import-untyped]

from ml_training.training.cores import LimitedCores

NO_LIMIT = -1


class ThreadLimit:
    """How many threads LightGBM may use in this process; a process trains one model at a time.

    A booster allocates memory for the threads that it may use when it is made, so it is made with `most` threads and
    without a limit; later limits are lower.
    """

    def __init__(self, library: Any, cores: LimitedCores) -> None:
        self._set = library.basic._LIB.LGBM_SetMaxThreads
        self._cores = cores
        self.most = max(cores.granted(), min(cores.most, cpu_count()))

    def apply_granted(self) -> None:
        """Use as many threads as the job is granted now."""
        self._limit(min(self._cores.granted(), self.most))

    def lift(self) -> None:
        """Use as many threads as the parameters say."""
        self._limit(NO_LIMIT)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """One thread inside the block, then as many as the job is granted."""
        self._limit(1)
        try:
            yield
        finally:
            self.apply_granted()

    def _limit(self, threads: int) -> None:
        if self._set(ctypes.c_int(threads)) != 0:
            raise RuntimeError(f"LightGBM refused a limit of {threads} threads")


@contextmanager
def limited_threads(library: Any, cores: LimitedCores) -> Iterator[ThreadLimit]:
    """A limit of as many threads as the job is granted now, which ends with the block."""
    limit = ThreadLimit(library, cores)
    limit.apply_granted()
    try:
        yield limit
    finally:
        limit.lift()
