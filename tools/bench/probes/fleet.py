"""`fleet.py URL NAME SLOTS MEAN_SECONDS`: one simulated worker, whose slots run real jobs that only wait.

Claims, leases, progress, results and verdicts are the service's own functions; only the training is replaced by
waiting. A line on stdin, `stop`, ends it after the jobs that run; then it prints how many it ran.
"""

import dataclasses
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db import results
from ml_training.db.engine import open_database
from ml_training.domain.errors import Interrupted, Unavailable
from ml_training.domain.limits import Limits
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.run_job import run_next
from ml_training.execution.transitions import AttemptFence
from ml_training.storage.local import LocalStorage

PROGRESS_SECONDS = 1.0
NAMES = 50  # of models: two jobs that end at the same time rarely belong to one name


def waiting(mean: float) -> Any:
    """A handler that works for 0.5 to 1.5 times `mean` seconds, with progress once a second."""

    def handle(_context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        started, wish, rest = time.monotonic(), mean * random.uniform(0.5, 1.5), threading.Event()
        while (passed := time.monotonic() - started) < wish:
            reporter.progress(passed / wish, f"{passed:.0f} of {wish:.0f} s", eta_seconds=wish - passed)
            reason = reporter.should_stop()
            if reason is not None:
                raise Interrupted(reason)
            rest.wait(min(PROGRESS_SECONDS, wish - passed))
        return JobOutcome(store=lambda connection, fence: store_model(connection, job, fence), rows_used=100)

    return handle


def store_model(connection: Connection, job: Job, fence: AttemptFence) -> int:
    """The result row of a trained model, without bytes."""
    return results.insert_model(
        connection,
        name=f"model-{job.id % NAMES}",
        model_type="lightgbm",
        task="binary",
        job_id=fence.job_id,
        attempt=fence.attempt,
        dataset_id=job.dataset_id,
        dataset_sha256="0" * 64,
        artifact_key=f"artifacts/{fence.job_id}-{fence.attempt}",
        artifact_sha256="0" * 64,
        artifact_bytes=0,
        scores={},
        details={},
        lineage={},
        train_accuracy=0.9,
        test_accuracy=0.9,
    )


def make_context(url: str, name: str, mean: float, directory: Path) -> WorkerContext:
    """The context of a worker with default times; fields that a version does not have are left out."""
    wanted: dict[str, Any] = {
        "database": open_database(url, pool_size=4, timeout=60.0),
        "storage": LocalStorage(directory),
        "limits": Limits(),
        "worker": name,
        "threads": 1,
        "times": LeaseTimes(lease=30.0, renew=5.0, poll=0.5, cancel_grace=5.0, drain_grace=5.0),
        "handlers": {JobType.TRAIN: waiting(mean)},
        "send_progress": lambda job, fraction, message: None,
    }
    names = {field.name for field in dataclasses.fields(WorkerContext)}
    if "cores" in names:
        from ml_training.training.cores import FixedCores  # type: ignore[import-not-found,unused-ignore]

        wanted["cores"] = FixedCores(1)
    return WorkerContext(**{key: value for key, value in wanted.items() if key in names})


def run_slot(context: WorkerContext, stop: threading.Event, counts: list[int]) -> None:
    """One slot: runs due jobs until it is told to stop."""
    while not stop.is_set():
        try:
            if run_next(context):
                counts[0] += 1
            else:
                stop.wait(0.1)
        except Unavailable:
            counts[1] += 1
            stop.wait(0.1)


def main() -> None:
    """Run."""
    url, name, slots, mean = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    stop = threading.Event()
    tallies = [[0, 0] for _ in range(slots)]
    with tempfile.TemporaryDirectory() as directory:
        context = make_context(url, name, mean, Path(directory))
        threads = [threading.Thread(target=run_slot, args=(context, stop, tally), daemon=True) for tally in tallies]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        stop.set()
        for thread in threads:
            thread.join()
    ran, refused = (sum(tally[at] for tally in tallies) for at in (0, 1))
    sys.stdout.write(json.dumps({"ran": ran, "unavailable": refused}))


if __name__ == "__main__":
    main()
