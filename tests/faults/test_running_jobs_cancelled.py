"""Running jobs that are cancelled: they end in time, and the next job runs."""

import time
from typing import Any

import pytest

from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet
from tests.support.fleet_jobs import SMALL, ended, running, train, worker_of

pytestmark = pytest.mark.slow


def test_training_code_that_never_comes_back_is_cancelled_with_its_process(
    stack: RunningFleet, large: int, small: int
) -> None:
    deaf = {"hidden_layer_sizes": [2048, 2048], "batch_size": 40_000}  # one step is half a minute inside BLAS
    job_id = train(stack, large, model_type="mlp", params=deaf).id
    eventually(lambda: queries.get_job(stack.resources, job_id).status is JobStatus.RUNNING, what="it runs")
    job = queries.get_job(stack.resources, job_id)
    name = worker_of(stack, job)
    [child] = stack.fleet.children(name)
    before = child.cpu_times().user
    eventually(lambda: child.cpu_times().user > before + 4, what="the first step has begun")
    request_cancel(stack.resources, job.id)
    assert ended(stack, job.id, within=10).status is JobStatus.CANCELLED
    eventually(lambda: not child.is_running(), what="the process that held the job has ended")
    eventually(lambda: len(stack.fleet.children(name)) == 1, what="the pool has a new child")
    for _ in range(2):
        assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    stack.check()


@pytest.mark.parametrize(
    ("model_type", "params", "limit"),
    [
        ("lightgbm", {"n_estimators": 10_000}, 2.0),
        ("random_forest", {"n_estimators": 10_000, "max_depth": 8}, 10.0),  # deeper ones fit into no slot
        ("mlp", {"hidden_layer_sizes": [512, 512], "max_iter": 10_000, "batch_size": 64}, 10.0),
    ],
)
def test_a_running_job_is_cancelled_in_time_and_the_next_one_runs(
    stack: RunningFleet, large: int, small: int, model_type: str, params: dict[str, Any], limit: float
) -> None:
    job = running(stack, train(stack, large, model_type=model_type, params=params).id)
    asked = time.monotonic()
    request_cancel(stack.resources, job.id)
    eventually(
        lambda: queries.get_job(stack.resources, job.id).status.is_terminal, within=limit, what="the job has ended"
    )
    assert time.monotonic() - asked < limit
    assert queries.get_job(stack.resources, job.id).status is JobStatus.CANCELLED
    assert ended(stack, train(stack, small, params=SMALL).id).status is JobStatus.COMPLETED
    stack.check()
