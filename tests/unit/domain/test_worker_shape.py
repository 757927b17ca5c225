"""How many jobs and threads a worker runs, and the OpenMP variables for that."""

import pytest

from ml_training.domain.worker_shape import WorkerShape, training_environment, worker_shape


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads", "shape"),
    [
        (8, 0, 0, WorkerShape(8, 8)),
        (8, 3, 0, WorkerShape(3, 8)),
        (2, 8, 0, WorkerShape(8, 2)),
        (8, 2, 3, WorkerShape(2, 3)),
        (0, 0, 0, WorkerShape(1, 1)),
    ],
)
def test_a_job_may_use_every_core_unless_its_threads_are_limited(
    cores: int, concurrency: int, threads: int, shape: WorkerShape
) -> None:
    assert worker_shape(cores, concurrency=concurrency, threads=threads) == shape


def test_waiting_threads_sleep_and_openmp_may_use_what_a_job_may() -> None:
    found = training_environment(8, concurrency=2, threads=3)
    assert found["OMP_WAIT_POLICY"] == "PASSIVE"
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["OPENBLAS_NUM_THREADS"] == "1"
