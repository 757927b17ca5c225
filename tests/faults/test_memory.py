"""A job that takes too much memory ends with that reason, and takes neither its worker nor its neighbours along."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from ml_training.db import jobs
from ml_training.domain.errors import ErrorCode, Invalid
from ml_training.domain.specs import JobSpec, JobType, parse_spec, spec_json
from ml_training.domain.states import JobStatus
from ml_training.execution.memory_limit import available_memory, slot_memory
from ml_training.services import queries
from ml_training.services.submit import submit_job
from tests.support.datasets import ready_sample, upload
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.redis_server import start_redis

pytestmark = pytest.mark.slow
LIMIT = 700_000_000  # bytes; a warm child has about 300 MB


@pytest.fixture
def stack(tmp_path: Path, sqlite_template: bytes) -> Iterator[RunningFleet]:
    """One worker with one slot of limited memory."""
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    redis = start_redis(tmp_path / "redis")
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    with running_fleet(tmp_path, database_url=url, broker_url=redis.url, worker_memory_bytes=str(LIMIT)) as stack:
        yield stack
    redis.stop()


def spec_of(dataset_id: int, model_type: str, params: dict[str, int]) -> dict[str, object]:
    return {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": params,
    }


def many_classes() -> bytes:
    """20,000 rows of 1,000 classes that nothing tells apart: a tree takes 300 MB."""
    values = np.random.default_rng(1).normal(size=(20_000, 2))
    lines = ["a,b,target", *(f"{a:.6f},{b:.6f},c{n % 1_000}" for n, (a, b) in enumerate(values))]
    return "\n".join(lines).encode()


def train(stack: RunningFleet, dataset_id: int, model_type: str, **params: int) -> int:
    return submit_job(stack.resources, spec_of(dataset_id, model_type, params)).id


def stored_without_a_check(stack: RunningFleet, dataset_id: int, model_type: str, **params: int) -> int:
    """As by a version of the service that knew less."""
    spec, errors = parse_spec(spec_of(dataset_id, model_type, params), max_runtime_seconds=3_600)
    assert spec is not None, errors
    with stack.resources.database.write() as connection:
        return jobs.insert_jobs(connection, [row_of(spec)], now=time.time())[0].id


def row_of(spec: JobSpec) -> dict[str, object]:
    return {
        "job_type": JobType(spec.job_type),
        "model_type": "extra_trees",
        "spec": spec_json(spec),
        "dataset_id": spec.dataset_id,
        "priority": spec.priority,
        "max_runtime_seconds": 3_600.0,
        "phases_count": 0,
        "warnings": [],
    }


def test_a_job_that_grows_beyond_its_slot_fails_with_the_reason_and_the_worker_lives_on(stack: RunningFleet) -> None:
    large, small = upload(stack.resources, many_classes()).id, ready_sample(stack.resources).id
    with pytest.raises(Invalid) as refused:
        train(stack, large, "extra_trees", n_estimators=100)
    assert "max_leaf_nodes of at most" in refused.value.errors[0].detail, "the check at submission knows better"
    glutton = stored_without_a_check(stack, large, "extra_trees", n_estimators=100)
    neighbour = train(stack, small, "lightgbm", n_estimators=5)
    job = queries.wait_for_job(stack.resources, glutton, seconds=120)
    assert job.status is JobStatus.FAILED, job
    assert job.error is not None
    assert (job.error.code, job.attempt) == (ErrorCode.OUT_OF_MEMORY, 1)
    assert "slot" in job.error.message
    done = queries.wait_for_job(stack.resources, neighbour, seconds=90)
    assert done.status is JobStatus.COMPLETED
    assert stack.fleet.processes["worker"].poll() is None
    stack.check()


def test_a_slot_has_its_share_of_the_machine_or_of_the_container(tmp_path: Path) -> None:
    whole = psutil.virtual_memory().total
    assert available_memory(tmp_path) == whole
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) == whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert available_memory(tmp_path) == 1_000_000
    assert slot_memory(5, slots=2).bytes == 5
    assert slot_memory(0, slots=2).bytes == pytest.approx(available_memory() * 0.45, rel=0.01)


def test_an_allocation_far_beyond_the_limit_fails_in_python_and_is_named() -> None:
    code = """
from ml_training.execution.memory_limit import MemoryLimit
import numpy
limit = MemoryLimit(1_000_000_000)
limit.enforce()
assert not limit.is_over()
try:
    numpy.ones(400_000_000)
except MemoryError:
    print("MemoryError")
kept = numpy.ones(140_000_000)
print(limit.is_over())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.split() == (["MemoryError", "True"] if sys.platform == "linux" else ["True"])
