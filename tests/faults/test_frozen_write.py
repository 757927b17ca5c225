"""A worker that freezes in the middle of a write, with its job's row locked: PostgreSQL takes the lock away in time.

SQLite cannot: its lock belongs to a live process until that process continues or ends (docs/faults.md).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_training.db import claims, jobs
from ml_training.db.engine import open_database
from ml_training.db.jobs import JobProgress
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import Unavailable
from ml_training.domain.states import JobStatus
from ml_training.maintenance.reaper import reap_once
from ml_training.services.resources import build_resources
from ml_training.settings import Settings
from tests.support.eventually import eventually
from tests.support.exporter import DEAD_BROKER
from tests.support.jobs import read_job, store_dataset, store_job

pytestmark = pytest.mark.slow
MOVED = JobProgress(fraction=0.5, message="half", eta_seconds=1.0, features_count=9)
LEASE_SECONDS = Settings.model_fields["lease_seconds"].default


def test_a_worker_that_freezes_in_mid_write_keeps_its_job_no_longer_than_a_lease(
    new_postgresql: Callable[[], str], tmp_path: Path
) -> None:
    url = new_postgresql()
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    resources = build_resources(
        Settings.model_validate({"database_url": url, "broker_url": DEAD_BROKER, "data_dir": tmp_path})
    ).of(DEFAULT_PROJECT_ID)
    job_id = store_job(database, dataset_id=store_dataset(database))
    with database.write() as connection:
        assert claims.claim_next(connection, worker="frozen", lease_seconds=0.1)

    def write_and_freeze() -> None:
        with database.write() as connection:
            assert jobs.renew(connection, job_id=job_id, attempt=1, lease_seconds=0.1, progress=MOVED)
            eventually(
                lambda: reap_once(resources).handed_back, within=LEASE_SECONDS, what="the reaper takes the job back"
            )

    with pytest.raises(Unavailable):
        write_and_freeze()
    assert read_job(database, job_id).status is JobStatus.PENDING
    resources.close()
    database.dispose()
