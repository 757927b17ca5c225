"""How many jobs a machine runs at a time, with how many threads each, and what the OpenMP runtimes must be told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerShape:
    """`concurrency` jobs at a time, `threads` for each."""

    concurrency: int
    threads: int


def worker_shape(cores: int, *, concurrency: int = 0, threads: int = 0) -> WorkerShape:
    """What 0 stands for: as many jobs as cores, and the cores shared among the jobs; never less than 1."""
    jobs = concurrency or max(1, cores)
    return WorkerShape(jobs, threads or max(1, cores // jobs))


def training_environment(cores: int, *, concurrency: int = 0, threads: int = 0) -> Mapping[str, str]:
    """The variables that a training process needs before it starts; OpenMP reads them once.

    With more busy threads than cores, waiting threads that spin (the default) slow LightGBM down by a factor of
    ten and more: PASSIVE lets them sleep.
    """
    each = str(worker_shape(cores, concurrency=concurrency, threads=threads).threads)
    return {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": each, "OPENBLAS_NUM_THREADS": each}
