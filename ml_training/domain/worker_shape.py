"""How many jobs a worker runs at a time, with how many threads each, and the environment of OpenMP."""

from collections.abc import Mapping
from dataclasses import dataclass

WORKER_VARIABLE = "ML_TRAINING_WORKER_NAME"  # the name of a worker in its heartbeat row, for its children
KEPT_BYTES = 48_000_000  # that a process may keep after a job; with more it is replaced before the next one


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """`concurrency` jobs at a time, which share the cores; each has at most `threads` threads."""

    concurrency: int
    threads: int


def worker_shape(cores: int, *, concurrency: int = 0, threads: int = 0) -> WorkerShape:
    """The shape of a worker. 0 means: as many jobs as cores, and all cores for a job that runs alone; at least 1."""
    return WorkerShape(concurrency or max(1, cores), threads or max(1, cores))


def training_environment(cores: int, *, concurrency: int = 0, threads: int = 0) -> Mapping[str, str]:
    """The variables that a training process needs before it starts; OpenMP reads them once.

    With more busy threads than cores, waiting threads that spin (the default) make LightGBM ten times slower and
    more: PASSIVE lets them sleep.
    """
    most = str(worker_shape(cores, concurrency=concurrency, threads=threads).threads)
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": most,
        # Training uses one BLAS thread (inference/threads.py); with more, OpenBLAS starts them when it is loaded,
        # and so does an allocator of pyarrow: the fork server must have one thread.
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }
