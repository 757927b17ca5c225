"""How many threads the numeric libraries may use while a model is fitted or asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@contextmanager
def limited(threads: int, *, jobs: int | None = None) -> Iterator[None]:
    """OpenMP with `threads`, joblib with as many (or `jobs`) and in threads, as a worker's child may have no processes
    of its own, and BLAS with one.

    A BLAS that shares one product among threads adds in another order: with one thread, the same model comes out
    on every machine shape.
    """
    with (
        parallel_config(backend="threading", n_jobs=jobs or threads),
        threadpool_limits({"openmp": threads, "blas": 1}),
    ):
        yield
