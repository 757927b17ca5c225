"""Limits the threads of the numeric libraries while a model is fitted or predicts."""

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@contextmanager
def limit_threads(threads: int, *, jobs: int | None = None) -> Iterator[None]:
    """Run the block with `threads` OpenMP threads, `jobs` (or as many) joblib threads, and one BLAS thread.

    joblib uses threads, because a worker's child process may not start processes of its own. A BLAS that divides one
    product among threads adds in another order: with one thread, the model is the same on every machine.
    """
    with (
        parallel_config(backend="threading", n_jobs=jobs or threads),
        threadpool_limits({"openmp": threads, "blas": 1}),
    ):
        yield
