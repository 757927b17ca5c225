"""One request cancels or retries many jobs, and each of them gets its own answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.db import claims
from ml_training.db.job_lists import list_ids
from ml_training.domain import bulk_requests
from ml_training.domain.caller import Caller, Role
from ml_training.services import bulk_jobs
from tests.support.api import ready_dataset, train_spec
from tests.support.in_process_service import InProcessService
from tests.support.jobs import read_job, store_job

CANCEL, RETRY = "/api/v1/jobs/cancel", "/api/v1/jobs/retry"


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


@pytest.fixture
def service_on_sqlite(tmp_path: Path, new_sqlite: Any) -> Iterator[InProcessService]:
    """The same on one kind of database."""
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        yield service


@pytest.fixture
def dataset_id(service: InProcessService) -> int:
    """A READY data set."""
    return ready_dataset(service.resources)


def answers(service: InProcessService, path: str, body: Any, **headers: str) -> tuple[list[tuple[int, int]], Any]:
    """(id, status) of each job, and the whole answer."""
    answer = service.client.post(path, json=body, headers=headers)
    assert answer.status_code == 207, answer.data
    return [(item["id"], item["status"]) for item in answer.json["items"]], answer.json


def statuses(service: InProcessService, *ids: int) -> list[str]:
    """How the jobs are now."""
    return [read_job(service.resources.database, job_id).status.value for job_id in ids]


def test_each_named_job_is_cancelled_or_says_why_not(service: InProcessService, dataset_id: int) -> None:
    database = service.resources.database
    running, waiting, ended = (store_job(database, dataset_id=dataset_id, spec={"n": n}) for n in range(3))
    with database.write() as connection:
        claims.claim_next(connection, worker="w", lease_seconds=30.0)
    service.client.post(f"/api/v1/jobs/{ended}/cancel")
    other = service.resources.acting_for(Caller("key", Role.SUBMITTER, 1, ""))
    found, body = answers(service, CANCEL, {"ids": [waiting, running, ended, 10**9]})
    assert found == [(waiting, 202), (running, 202), (ended, 202), (10**9, 404)]
    assert [item["job_status"] for item in body["items"]] == ["CANCELLED", "RUNNING", "CANCELLED", None]
    assert body["remaining"] == 0
    assert read_job(database, running).cancel_requested
    entry = service.get("/audit?limit=1")["items"][0]
    assert (entry["action"], entry["subject_ids"]) == ("job.cancel", [waiting, running, ended])
    fresh = store_job(database, dataset_id=dataset_id)
    refused = bulk_jobs.cancel_jobs(other, {"ids": [fresh]})
    assert [item.status for item in refused.items] == [403]
    assert statuses(service, fresh) == ["PENDING"]


def test_a_filter_takes_what_waits_or_runs_and_says_how_many_remain(
    service: InProcessService, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = service.resources.database
    ridge = [store_job(database, dataset_id=dataset_id, model_type="ridge") for _ in range(5)]
    other = store_job(database, dataset_id=dataset_id, model_type="mlp")
    monkeypatch.setattr(bulk_jobs, "MOST_JOBS", 3)
    monkeypatch.setattr(bulk_jobs, "MOST_COUNTED", 6)
    found, body = answers(service, CANCEL, {"filter": {"model_type": "ridge"}})
    assert (found, body["remaining"]) == ([(job_id, 202) for job_id in ridge[:3]], 2)
    found, body = answers(service, CANCEL, {"filter": {"model_type": "ridge", "status": "PENDING"}})
    assert (found, body["remaining"]) == ([(job_id, 202) for job_id in ridge[3:]], 0)
    assert statuses(service, *ridge, other) == ["CANCELLED"] * 5 + ["PENDING"]
    assert answers(service, CANCEL, {"filter": {"status": "RUNNING"}})[0] == []


def test_a_cancelled_upload_rejects_its_data_set(service: InProcessService) -> None:
    status, body = service.send_file(b"a,b\n1,2\n3,4\n", {"name": "late"})
    assert status == 201
    assert [code for _, code in answers(service, CANCEL, {"filter": {"job_type": "INGEST"}})[0]] == [202]
    assert service.get(f"/datasets/{body['id']}")["status"] == "REJECTED"
    assert service.violations() == []


def test_a_retry_is_a_new_job_of_the_same_spec(service: InProcessService, dataset_id: int) -> None:
    spec = train_spec(dataset_id)
    first, second = (service.client.post("/api/v1/jobs", json=spec).json["id"] for _ in range(2))
    live = service.client.post("/api/v1/jobs", json=spec).json["id"]
    answers(service, CANCEL, {"ids": [first, second]})
    found, body = answers(service, RETRY, {"ids": [second, live, 10**9, first]})
    assert found == [(second, 202), (live, 409), (10**9, 404), (first, 202)]
    made = [item["job_id"] for item in body["items"] if item["status"] == 202]
    assert statuses(service, *made) == ["PENDING", "PENDING"]
    assert min(made) > live
    for new in made:
        assert service.get(f"/jobs/{new}")["spec"] == service.get(f"/jobs/{first}")["spec"]
    assert statuses(service, first, second) == ["CANCELLED", "CANCELLED"]


def test_a_repeated_retry_makes_no_further_job(service: InProcessService, dataset_id: int) -> None:
    spec = train_spec(dataset_id)
    ids = [service.client.post("/api/v1/jobs", json=spec).json["id"] for _ in range(2)]
    answers(service, CANCEL, {"ids": ids})
    key = {"Idempotency-Key": "again"}
    first, again = (answers(service, RETRY, {"ids": ids}, **key)[1] for _ in range(2))
    assert first == again
    with service.resources.database.read() as connection:
        assert len(list_ids(connection, {"status": "PENDING"}, limit=9)) == 2
    assert service.client.post(RETRY, json={"filter": {"status": "FAILED"}}, headers=key).status_code == 422


def test_a_spec_that_is_possible_no_more_is_answered_with_its_errors(
    service: InProcessService, dataset_id: int
) -> None:
    job_id = service.client.post("/api/v1/jobs", json=train_spec(dataset_id)).json["id"]
    answers(service, CANCEL, {"ids": [job_id]})
    assert service.client.delete(f"/api/v1/datasets/{dataset_id}").status_code == 204
    found, body = answers(service, RETRY, {"filter": {"status": "CANCELLED"}})
    assert found == [(job_id, 422)]
    assert body["items"][0]["errors"][0]["pointer"] == "/dataset_id"


def test_specs_of_many_rows_are_retried_a_few_at_a_time(
    service: InProcessService, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [service.client.post("/api/v1/jobs", json=train_spec(dataset_id)).json["id"] for _ in range(3)]
    answers(service, CANCEL, {"ids": ids})
    monkeypatch.setattr(bulk_jobs, "MOST_SPEC_BYTES", 10)
    found, body = answers(service, RETRY, {"ids": ids})
    assert (found, body["remaining"]) == ([(ids[0], 202)], 2)


@pytest.mark.parametrize("path", [CANCEL, RETRY])
@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, [""]),
        ({"ids": [1], "filter": {"job_type": "TRAIN"}}, [""]),
        ({"ids": []}, ["/ids"]),
        ({"ids": [1, 1]}, ["/ids/1"]),
        ({"ids": list(range(1, bulk_requests.MOST_JOBS + 2))}, ["/ids"]),
        ({"ids": ["1"]}, ["/ids/0"]),
        ({"filter": {}}, ["/filter"]),
        ({"filter": {"status": "COMPLETED"}}, ["/filter/status"]),
        ({"filter": {"parent_id": 1, "job_type": "TRIAL"}}, ["/filter/job_type"]),
        ({"filter": {"name": "a"}}, ["/filter/name"]),
        ([], [""]),
    ],
)
def test_a_wrong_request_changes_nothing(
    service_on_sqlite: InProcessService, path: str, body: Any, pointers: list[str]
) -> None:
    answer = service_on_sqlite.client.post(path, json=body)
    assert answer.status_code == 422, answer.data
    assert [error["pointer"] for error in answer.json["errors"]] == pointers
