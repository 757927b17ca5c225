"""Submits jobs to a running fleet, and waits for what happens to them."""

from typing import Any

from sqlalchemy import text

from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.submit import submit_job
from tests.support.eventually import PATIENCE, eventually
from tests.support.fleet import RunningFleet

LONG = {"n_estimators": 10_000, "num_leaves": 255}
MIDDLE = {"n_estimators": 150}
SMALL = {"n_estimators": 5}


def worker_of(stack: RunningFleet, job: Job) -> str:
    """The name of the process that runs the job."""
    return next(name for name, process in stack.fleet.processes.items() if f"-{process.pid}" in str(job.worker))


def train(stack: RunningFleet, dataset_id: int, *, model_type: str = "lightgbm", **values: Any) -> Job:
    """Submit a TRAIN job."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "model",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        **values,
    }
    return submit_job(stack.resources, spec)


def running(stack: RunningFleet, job_id: int, *, attempt: int = 1) -> Job:
    """Wait until the job is RUNNING and learns; how long that takes says how busy the machine is, no more."""

    def moved() -> Job | None:
        job = queries.get_job(stack.resources, job_id)
        learns = job.progress_message.split()[:1] in [["round"], ["tree"], ["epoch"], ["iteration"]]
        return job if job.status is JobStatus.RUNNING and job.attempt == attempt and learns else None

    found = eventually(moved, what=f"job {job_id} is running")
    assert found is not None
    return found


def ended(stack: RunningFleet, job_id: int, *, within: float = PATIENCE) -> Job:
    """Wait for the end of the job."""
    job = queries.wait_for_job(stack.resources, job_id, seconds=within)
    assert job.status.is_terminal, job
    return job


def counted(stack: RunningFleet, kind: str) -> int:
    """Ledger rows of a kind, folded or not."""
    query = """SELECT coalesce(sum(n), 0) FROM (SELECT n FROM ledger_totals WHERE kind = :kind
        UNION ALL SELECT 1 FROM ledger WHERE kind = :kind) AS both_parts"""
    with stack.resources.database.read() as connection:
        return int(connection.execute(text(query), {"kind": kind}).scalar_one())
