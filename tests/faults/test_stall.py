"""A process whose native code never gives the interpreter back is ended by a thread that does not need it."""

import ctypes
import multiprocessing
import time
from pathlib import Path

import pytest

from ml_training.db.engine import open_database
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.run_job import run_next
from ml_training.execution.watchdog import ProcessWatchdog
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, store_dataset, store_job
from tests.support.wiring import make_worker_context

TIMES = LeaseTimes(lease=0.5, renew=0.1, poll=0.02, cancel_grace=9.0, drain_grace=9.0, stall=2.0)
_spawns = multiprocessing.get_context("spawn")


def _run(url: str, directory: str, how: str) -> None:
    """Run the first due job, which lets nobody in any more, at once or after a renewal; or which comes back."""
    database = open_database(url)

    def work(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        if how == "comes back":
            started = time.monotonic()
            eventually(lambda: time.monotonic() - started > 1.5 * TIMES.stall)
            return a_model(job)
        if how == "renews first":
            reporter.progress(0.5, "half", eta_seconds=None)
            eventually(lambda: read_job(database, job.id).progress == 0.5)
        ctypes.PyDLL(None).pause()
        return a_model(job)

    run_next(make_worker_context(database, Path(directory), work, times=TIMES, watchdog=ProcessWatchdog()))


@pytest.mark.parametrize(
    ("how", "status"), [("at once", 1), ("renews first", 1), pytest.param("comes back", 0, marks=pytest.mark.slow)]
)
def test_a_process_that_holds_the_interpreter_is_ended_without_it(
    sqlite_template: bytes, tmp_path: Path, how: str, status: int
) -> None:
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    database = open_database(url)
    job_id = store_job(database, dataset_id=store_dataset(database))
    process = _spawns.Process(target=_run, args=(url, str(tmp_path), how), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == status
    ended = read_job(database, job_id).status
    assert ended is (JobStatus.COMPLETED if status == 0 else JobStatus.RUNNING), "the reaper finds the others"
    database.dispose()
