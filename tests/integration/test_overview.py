"""The overview and the list of workers say what is so, and each project sees only its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.db import claims, heartbeats, jobs
from ml_training.db.job_rows import WAITING_STUDY
from ml_training.db.tables import jobs as job_rows
from ml_training.domain.caller import SERVICE, Role
from ml_training.domain.records import JobError
from ml_training.services import overview
from ml_training.services.projects import create_project
from tests.support.access import bearer, make_key
from tests.support.in_process_service import InProcessService
from tests.support.jobs import store_dataset, store_job

WORKER = "worker@node-7.example-123"


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def beat(service: InProcessService, process: str = WORKER, **body: Any) -> None:
    """A worker that says that it is alive."""
    with service.resources.database.write() as connection:
        said = {"slots": 2, "schema": "0015", "version": "1.2.3", "storage_trouble": None, **body}
        heartbeats.write_heartbeat(connection, process=process, kind="worker", body=said)


def claim(service: InProcessService, process: str = WORKER) -> None:
    """The worker takes the next job."""
    with service.resources.database.write() as connection:
        assert claims.claim_next(connection, worker=process, lease_seconds=30.0)


def test_an_empty_service_has_nothing(service: InProcessService) -> None:
    found = service.get("/overview")
    ended = found["jobs"]["ended"]
    assert (found["jobs"]["pending"], found["jobs"]["running"], found["jobs"]["oldest_pending_seconds"]) == (0, 0, None)
    assert (ended["completed"], ended["failed"], ended["cancelled"]) == (0, 0, 0)
    assert found["workers"] == {"count": 0, "draining": 0, "slots": 0, "busy_slots": 0}
    assert (found["storage"]["stored_bytes"], found["storage"]["quota_bytes"]) == (0, None)
    assert found["storage"]["free_bytes"] > 0


def test_jobs_are_counted_by_what_they_do(service: InProcessService, monkeypatch: pytest.MonkeyPatch) -> None:
    database = service.resources.database
    dataset_id = store_dataset(database)
    ids = [store_job(database, dataset_id=dataset_id) for _ in range(5)]
    beat(service)
    claim(service)
    claim(service)
    with database.write() as connection:
        jobs.fail(connection, job_id=ids[0], attempt=1, error=JobError("timeout", "late", ""))
    service.client.post(f"/api/v1/jobs/{ids[4]}/cancel")
    with database.write() as connection:
        connection.execute(
            job_rows.update().where(job_rows.c.id == ids[2]).values(created_at=job_rows.c.created_at - 60)
        )
    found = service.get("/overview")
    assert (found["jobs"]["pending"], found["jobs"]["running"]) == (2, 1)
    assert 60 <= found["jobs"]["oldest_pending_seconds"] < 600
    assert (found["jobs"]["ended"]["failed"], found["jobs"]["ended"]["cancelled"]) == (1, 1)
    assert found["workers"] == {"count": 1, "draining": 0, "slots": 2, "busy_slots": 1}
    monkeypatch.setattr(overview, "MOST_ENDED", 1)
    capped = service.get("/overview")["jobs"]["ended"]
    assert (capped["failed"], capped["cancelled"]) == (0, 1)
    assert capped["since"] > found["jobs"]["ended"]["since"], "counted since a later time"


def test_a_study_that_waits_for_its_trials_runs(service: InProcessService) -> None:
    database = service.resources.database
    study = store_job(database, dataset_id=store_dataset(database), job_type="TUNE")
    store_job(database, dataset_id=store_dataset(database), parent_id=study)
    with database.write() as connection:
        connection.execute(job_rows.update().where(job_rows.c.id == study).values(open_children=1))
        assert connection.execute(job_rows.select().where(WAITING_STUDY)).first()
    found = service.get("/overview")["jobs"]
    assert (found["pending"], found["running"], found["oldest_pending_seconds"]) == (1, 1, None)


def test_each_project_sees_its_own_jobs_and_of_others_a_number(service: InProcessService) -> None:
    other = create_project(service.resources.database, SERVICE, {"name": "other"}).id
    mine, theirs = service.resources.database, service.resources.of(other).database
    own_job = store_job(mine, dataset_id=store_dataset(mine))
    foreign = store_job(theirs, dataset_id=store_dataset(theirs))
    beat(service)
    beat(service, "worker@idle-1", storage_trouble="another storage", slots=0)
    claim(service)
    claim(service)
    idle, busy = service.get("/workers")["items"]
    assert (idle["host"], idle["slots"], idle["storage_trouble"]) == ("idle", 0, "another storage")
    assert [job["id"] for job in busy["jobs"]] == [own_job]
    facts = {name: busy[name] for name in ("process", "host", "other_jobs", "free_slots", "version", "draining")}
    assert facts == {
        "process": WORKER,
        "host": "node-7.example",
        "other_jobs": 1,
        "free_slots": 0,
        "version": "1.2.3",
        "draining": False,
    }
    of_other = service.client_of(other).get("/api/v1/workers").json["items"][1]
    assert ([job["id"] for job in of_other["jobs"]], of_other["other_jobs"]) == ([foreign], 1)
    counted = service.client_of(other).get("/api/v1/overview").json
    assert (counted["jobs"]["running"], counted["workers"]["busy_slots"]) == (1, 2)


def test_an_operator_drains_a_worker(service: InProcessService) -> None:
    beat(service)
    database = service.resources.database
    submitter, operator, admin = (
        bearer(make_key(database, role=role)) for role in (Role.SUBMITTER, Role.OPERATOR, Role.ADMIN)
    )
    path = f"/api/v1/workers/{WORKER}/drain"
    assert service.client.post(path, headers=submitter).status_code == 403
    answer = service.client.post(path, headers=operator)
    assert (answer.status_code, answer.json["draining"], answer.json["free_slots"]) == (202, True, 0)
    assert service.client.post("/api/v1/workers/worker@gone-1/drain", headers=operator).status_code == 404
    store_job(database, dataset_id=store_dataset(database))
    with database.write() as connection:
        assert claims.claim_next(connection, worker=WORKER, lease_seconds=30.0) is None, "it takes no job any more"
    entries = service.client.get("/api/v1/audit", headers=admin).json["items"]
    assert ("worker.drain", [WORKER], "done") in [
        (entry["action"], entry["subject_ids"], entry["outcome"]) for entry in entries
    ]
    assert service.client.get("/api/v1/overview", headers=operator).json["workers"]["draining"] == 1
