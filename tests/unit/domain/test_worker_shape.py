"""How many jobs and threads a worker runs, and the OpenMP variables for that."""

import pytest

from ml_training.domain.worker_shape import WorkerShape, training_environment, worker_shape


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads", "shape"),
    [
        (8, 0, 0, WorkerShape(8, 1)),
        (8, 2, 0, WorkerShape(2, 4)),
        (8, 3, 0, WorkerShape(3, 2)),
        (2, 8, 0, WorkerShape(8, 1)),
        (8, 2, 3, WorkerShape(2, 3)),
        (0, 0, 0, WorkerShape(1, 1)),
    ],
)
def test_the_cores_are_shared_among_the_jobs(cores: int, concurrency: int, threads: int, shape: WorkerShape) -> None:
    assert worker_shape(cores, concurrency=concurrency, threads=threads) == shape


def test_waiting_threads_sleep_and_each_library_uses_its_share_of_the_cores() -> None:
    assert training_environment(8, concurrency=2) == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "4",
        "OPENBLAS_NUM_THREADS": "4",
    }
