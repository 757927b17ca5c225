"""How many jobs a worker runs at a time, with how many threads each, and the environment of OpenMP."""

from collections.abc import Mapping
from dataclasses import dataclass

WORKER_VARIABLE = "ML_TRAINING_WORKER_NAME"  # the name of a worker in its heartbeat row, for its children


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """`concurrency` jobs at a time, `threads` for each."""

    concurrency: int
    threads: int


def worker_shape(cores: int, *, concurrency: int = 0, threads: int = 0) -> WorkerShape:
    """The shape of a worker. 0 means: as many jobs as cores, and the cores shared among the jobs; never less than 1."""
    jobs = concurrency or max(1, cores)
    return WorkerShape(jobs, threads or max(1, cores // jobs))


def training_environment(cores: int, *, concurrency: int = 0, threads: int = 0) -> Mapping[str, str]:
    """The variables that a training process needs before it starts; OpenMP reads them once.

    With more busy threads than cores, waiting threads that spin (the default) make LightGBM ten times slower and
    more: PASSIVE lets them sleep.
    """
    each = str(worker_shape(cores, concurrency=concurrency, threads=threads).threads)
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": each,
        # Training uses one BLAS thread (training/threads.py); with more, OpenBLAS starts them when it is loaded,
        # and so does an allocator of pyarrow: the fork server must have one thread.
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }
