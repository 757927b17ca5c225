"""Limits the threads of the numeric libraries while a model is fitted or predicts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from joblib import parallel_config  # type: ignore[import-untyped]
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@contextmanager
def limit_threads(threads: int, *, jobs: int | None = None) -> Iterator[None]:
    """Run the block with `threads` OpenMP threads, `jobs` (or as many) joblib threads, and one BLAS thread.

    joblib uses threads, because a worker's child process may not start processes of its own. A BLAS that divides one
    product among threads adds in another order: with one thread, the model is the same on every machine.
    """
    with (
        parallel_config(backend="threading", n_jobs=jobs or threads),
        _controller(len(sys.modules)).limit(limits={"openmp": threads, "blas": 1}),
    ):
        yield


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """The numeric libraries that are loaded; searched again when more modules are imported, which may load another."""
    return ThreadpoolController()
