"""A process whose native code never gives the interpreter back is ended by a thread that does not need it."""

import ctypes
import multiprocessing
from dataclasses import replace
from pathlib import Path

from ml_training.db.engine import open_database
from ml_training.domain.records import Job
from ml_training.services.execute import Workplace, run_next
from ml_training.services.lease import LeaseTimes
from ml_training.services.reporter import JobReporter
from ml_training.services.verdict import Verdict
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, store_dataset, store_job, workplace
from workers.child import end_unless_seen

TIMES = LeaseTimes(lease=0.5, renew=0.1, poll=0.02, cancel_grace=9.0, drain_grace=9.0, stall=0.5)
_spawns = multiprocessing.get_context("spawn")


def _hold(url: str, directory: str) -> None:
    """Run the first due job, which looks at its lease a few times and then lets nobody in any more."""
    database = open_database(url)

    def endless(place: Workplace, job: Job, reporter: JobReporter) -> Verdict:
        reporter.progress(0.5, "half", eta_seconds=None)
        eventually(lambda: read_job(database, job.id).progress == 0.5, within=10)
        ctypes.PyDLL(None).pause()
        return a_model(job)

    run_next(watched(workplace(database, Path(directory), endless, times=TIMES)))


def watched(place: Workplace) -> Workplace:
    """The workplace, watched as those of real workers are."""
    return replace(place, end_unless_seen=end_unless_seen)


def test_a_process_that_holds_the_interpreter_is_ended_without_it(sqlite_template: bytes, tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    database = open_database(url)
    store_job(database, dataset_id=store_dataset(database))
    process = _spawns.Process(target=_hold, args=(url, str(tmp_path)), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == 1, "ended from outside of the interpreter"
    database.dispose()
