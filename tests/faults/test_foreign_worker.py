"""A worker with its own data directory beside a right one: it fails nothing, is named, and works once it is right."""

from collections import Counter
from pathlib import Path

import pytest

from ml_training.cli.doctor_checks import check_storage
from ml_training.db import heartbeats
from ml_training.db.job_lists import list_jobs
from ml_training.domain.records import Job
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.services import queries
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.health import readiness
from tests.support.datasets import generated_csv, upload
from tests.support.eventually import eventually
from tests.support.fleet import Fleet, RunningFleet, running_fleet
from tests.support.fleet_jobs import SMALL, ended, train

pytestmark = pytest.mark.slow
INGESTS, TRAININGS = 30, 70
NAMED_WITHIN = 10.0  # seconds


def all_jobs(stack: RunningFleet) -> list[Job]:
    with stack.resources.database.read() as connection:
        return list(list_jobs(connection, {}, before_id=None, limit=1_000))


def count_slots(stack: RunningFleet) -> int:
    with stack.resources.database.read() as connection:
        return heartbeats.count_slots(connection, within_seconds=3.0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_job_fails_beside_a_worker_with_another_directory(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, broker_url: str
) -> None:
    url = request.getfixturevalue(f"new_{kind}")()
    wrong = tmp_path / "wrong"
    with running_fleet(tmp_path, database_url=url, broker_url=broker_url) as stack:
        dataset = upload(stack.resources, generated_csv(200, 3))
        odd = Fleet(tmp_path, {**stack.fleet.variables, "ML_TRAINING_DATA_DIR": str(wrong)})
        try:
            process = odd.start_worker("odd")
            check = eventually(
                lambda: found if not (found := check_storage(url, within_seconds=3.0)).ok else None,
                within=NAMED_WITHIN,
                what="doctor names the odd worker",
            )
            assert check is not None
            assert f"-{process.pid}: " in check.detail
            assert str(wrong) in check.detail
            assert f"-{process.pid} takes no job" in readiness(stack.resources).components["workers"].detail
            assert count_slots(stack) == 1

            stored = store_upload(stack.resources, "csv", [generated_csv(100, 3)])
            datasets = [
                accept_upload(stack.resources, name="more", file_format="csv", stored=stored).id for _ in range(INGESTS)
            ]
            jobs = [train(stack, dataset.id, params=SMALL).id for _ in range(TRAININGS)]
            assert all(ended(stack, job_id).status is JobStatus.COMPLETED for job_id in jobs)
            for dataset_id in datasets:
                found = queries.wait_for_dataset(stack.resources, dataset_id, seconds=60)
                assert found.status is DatasetStatus.READY, found.reasons
            assert Counter(job.status for job in all_jobs(stack)) == {JobStatus.COMPLETED: INGESTS + TRAININGS + 1}
            assert {job.worker for job in all_jobs(stack)} == {all_jobs(stack)[0].worker}

            wrong.mkdir(exist_ok=True)
            (wrong / "storage").symlink_to(Path(stack.fleet.variables["ML_TRAINING_DATA_DIR"]) / "storage")
            eventually(lambda: check_storage(url, within_seconds=3.0).ok, what="the odd worker is right")
            stack.fleet.stop("worker")
            assert ended(stack, train(stack, dataset.id, params=SMALL).id).status is JobStatus.COMPLETED
            stack.check()
        finally:
            odd.end()
