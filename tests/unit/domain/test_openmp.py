"""How many jobs and threads a worker runs, and the OpenMP variables for that."""

import pytest

from ml_training.domain.openmp import FleetShape, fleet_shape, training_environment


@pytest.mark.parametrize(
    ("cores", "concurrency", "threads", "shape"),
    [
        (8, 0, 0, FleetShape(8, 1)),
        (8, 2, 0, FleetShape(2, 4)),
        (8, 3, 0, FleetShape(3, 2)),
        (2, 8, 0, FleetShape(8, 1)),
        (8, 2, 3, FleetShape(2, 3)),
        (0, 0, 0, FleetShape(1, 1)),
    ],
)
def test_the_cores_are_shared_among_the_jobs(cores: int, concurrency: int, threads: int, shape: FleetShape) -> None:
    assert fleet_shape(cores, concurrency=concurrency, threads=threads) == shape


def test_waiting_threads_sleep_and_each_library_uses_its_share_of_the_cores() -> None:
    assert training_environment(8, concurrency=2) == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "4",
        "OPENBLAS_NUM_THREADS": "4",
    }
