"""Every resource through its routes; answers are checked against the OpenAPI document."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.records import Job
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import run_next
from ml_training.services.resources import Resources
from tests.support.api import (
    PROFILE,
    ROWS,
    documented_body,
    ready_dataset,
    stored_comparison,
    stored_model,
    stored_test_result,
    train_spec,
)
from tests.support.jobs import train_at_once
from tests.support.stored_files import stored_path
from tests.support.wiring import make_worker_context


@pytest.fixture
def dataset_id(resources: Resources) -> int:
    """A READY data set."""
    return ready_dataset(resources)


def submit(client: FlaskClient, dataset_id: int, *, key: str | None = None, **values: Any) -> TestResponse:
    """POST a job."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/api/v1/jobs", json=train_spec(dataset_id, **values), headers=headers)


def test_a_job_is_accepted_with_a_location_though_the_broker_is_away(client: FlaskClient, dataset_id: int) -> None:
    response = submit(client, dataset_id)
    job = documented_body(client, "/jobs", response, "post")
    assert (response.status_code, response.headers["Location"]) == (202, f"/api/v1/jobs/{job['id']}")
    assert (job["status"], job["progress"], job["result"], job["error"]) == ("PENDING", 0.0, None, None)
    assert job["spec"]["params"]["num_leaves"] == 31
    shown = client.get(response.headers["Location"]).get_json()
    assert shown == {**job, "progress_message": shown["progress_message"]}  # it says what the job waits for


def test_a_completed_job_names_its_model_and_a_failed_one_its_reason(
    client: FlaskClient, resources: Resources, dataset_id: int, tmp_path: Any
) -> None:
    def fail(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        raise JobFailed(ErrorCode.TRAINING_ERROR, "no", hint="try another")

    for handler in (train_at_once, fail):
        submit(client, dataset_id)
        run_next(make_worker_context(resources.database, tmp_path, handler))
    done, failed = (
        documented_body(client, "/jobs/{job_id}", client.get(f"/api/v1/jobs/{job_id}")) for job_id in (1, 2)
    )
    assert (done["status"], done["result"], done["progress"]) == ("COMPLETED", {"model_id": 1}, 1.0)
    assert done["started_at"] >= done["created_at"]
    assert failed["error"] == {"code": "training_error", "message": "no", "hint": "try another"}
    assert failed["result"] is None


def test_the_same_key_gives_the_same_job_and_another_request_conflicts(client: FlaskClient, dataset_id: int) -> None:
    first, again = (submit(client, dataset_id, key="k") for _ in range(2))
    assert [answer.status_code for answer in (first, again)] == [202, 202]
    assert first.get_json()["id"] == again.get_json()["id"]
    assert submit(client, dataset_id, key="k", priority=1).status_code == 409
    assert submit(client, dataset_id, key="~").get_json()["id"] != first.get_json()["id"]


def test_a_batch_stores_the_valid_and_answers_the_others(client: FlaskClient, dataset_id: int) -> None:
    specs = [train_spec(dataset_id), train_spec(dataset_id, colour="red"), 7, train_spec(dataset_id, priority=1)]
    response = client.post("/api/v1/jobs/batch", json={"jobs": specs})
    items = documented_body(client, "/jobs/batch", response, "post")["items"]
    assert response.status_code == 207
    assert [(item["index"], item["status"], item["job"] is None) for item in items] == [
        (0, 202, False),
        (1, 422, True),
        (2, 422, True),
        (3, 202, False),
    ]
    assert items[1]["errors"][0]["pointer"] == "/colour"
    assert len(client.get("/api/v1/jobs").get_json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({}, ["/jobs"]),
        ({"jobs": {}}, ["/jobs"]),
        ({"jobs": [], "colour": 1}, ["/colour"]),
        ({"jobs": []}, []),
        ({"jobs": [1] * 6}, []),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole_stores_nothing(
    client: FlaskClient, body: object, pointers: list[str]
) -> None:
    response = client.post("/api/v1/jobs/batch", json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.get_json().get("errors", [])] == pointers


def test_a_full_queue_is_429_with_retry_after(client: FlaskClient, dataset_id: int) -> None:
    for _ in range(10):
        client.post("/api/v1/jobs/batch", json={"jobs": [train_spec(dataset_id)] * 5})
    response = submit(client, dataset_id)
    assert (response.status_code, response.mimetype) == (429, "application/problem+json")
    assert int(response.headers["Retry-After"]) > 0


def test_a_repeated_cancel_is_accepted(client: FlaskClient, dataset_id: int) -> None:
    job_id = submit(client, dataset_id).get_json()["id"]
    for _ in range(2):
        response = client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert documented_body(client, "/jobs/{job_id}/cancel", response, "post")["status"] == "CANCELLED"
        assert response.status_code == 202
    assert client.post("/api/v1/jobs/999/cancel").status_code == 404


def test_a_job_that_has_ended_cannot_be_cancelled(
    client: FlaskClient, resources: Resources, dataset_id: int, tmp_path: Any
) -> None:
    job_id = submit(client, dataset_id).get_json()["id"]
    run_next(make_worker_context(resources.database, tmp_path, train_at_once))
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 409


def test_pages_lead_from_the_newest_to_the_oldest(client: FlaskClient, dataset_id: int) -> None:
    ids = [submit(client, dataset_id).get_json()["id"] for _ in range(5)]
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = documented_body(client, "/jobs", client.get("/api/v1/jobs", query_string=query))
        seen += [job["id"] for job in page["items"]]
        assert len(page["items"]) <= 2
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ids[::-1]


def test_jobs_are_filtered_by_what_they_are(client: FlaskClient, dataset_id: int) -> None:
    submit(client, dataset_id)
    submit(client, dataset_id, model_type="ridge")
    client.post("/api/v1/jobs/1/cancel")

    def ids(query: str) -> list[int]:
        return [job["id"] for job in client.get(f"/api/v1/jobs?{query}").get_json()["items"]]

    assert ids("model_type=ridge") == [2]
    assert ids("status=CANCELLED&job_type=TRAIN") == [1]
    assert ids("job_type=COMPARE") == ids("model_type=mixed") == []


def test_a_data_set_shows_its_profile_alone_but_not_in_the_list(client: FlaskClient, dataset_id: int) -> None:
    page = documented_body(client, "/datasets", client.get("/api/v1/datasets"))
    shown = documented_body(client, "/datasets/{dataset_id}", client.get(f"/api/v1/datasets/{dataset_id}"))
    assert shown == page["items"][0] | {"profile": PROFILE, "warnings": [], "origin": None}


def test_a_preview_shows_the_first_rows(client: FlaskClient, dataset_id: int) -> None:
    response = client.get(f"/api/v1/datasets/{dataset_id}/preview?limit=2")
    assert documented_body(client, "/datasets/{dataset_id}/preview", response)["items"] == [
        {"a": 0.0, "b": ROWS - 1, "c": "no", "target": True},
        {"a": 1.0, "b": ROWS - 2, "c": "yes", "target": False},
    ]


def test_a_data_set_that_is_not_ready_has_no_preview_and_takes_no_job(client: FlaskClient) -> None:
    dataset = client.post("/api/v1/datasets", json={"name": "x", "sample": "iris"}).get_json()
    assert client.get(f"/api/v1/datasets/{dataset['id']}/preview").status_code == 409
    assert submit(client, dataset["id"]).status_code == 409


def test_a_data_set_in_use_is_not_deleted_and_a_deleted_one_is_gone(client: FlaskClient, dataset_id: int) -> None:
    submit(client, dataset_id)
    path = f"/api/v1/datasets/{dataset_id}"
    assert client.delete(path).status_code == 409
    client.post("/api/v1/jobs/1/cancel")
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert [client.get(path).status_code, client.delete(path).status_code] == [404, 404]


def test_a_model_shows_details_alone_but_not_in_the_list(
    client: FlaskClient, resources: Resources, dataset_id: int
) -> None:
    model_id = stored_model(resources, dataset_id=dataset_id)
    page = documented_body(client, "/models", client.get("/api/v1/models"))
    shown = documented_body(client, "/models/{model_id}", client.get(f"/api/v1/models/{model_id}"))
    assert shown == page["items"][0] | {"details": {"features": ["a"]}, "lineage": {"seed": 42}}


def test_a_download_is_the_file_with_its_digest(client: FlaskClient, resources: Resources, dataset_id: int) -> None:
    data = bytes(range(256)) * 1_000
    model_id = stored_model(resources, dataset_id=dataset_id, artifact=data)
    with client.get(f"/api/v1/models/{model_id}/download") as response:
        assert response.data == data
        digest = hashlib.sha256(data)
        assert response.headers["ETag"] == f'"{digest.hexdigest()}"'
        assert response.headers["Content-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        assert response.headers["Content-Length"] == str(len(data))
        assert response.headers["Content-Disposition"] == 'attachment; filename="model-1.zip"'


def test_a_download_that_the_client_has_is_304(client: FlaskClient, resources: Resources, dataset_id: int) -> None:
    model_id = stored_model(resources, dataset_id=dataset_id)
    with client.get(f"/api/v1/models/{model_id}/download") as first:
        etag = first.headers["ETag"]
    with client.get(f"/api/v1/models/{model_id}/download", headers={"If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")
    with client.head(f"/api/v1/models/{model_id}/download") as head:
        assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "5")


def test_a_damaged_file_is_not_sent(client: FlaskClient, resources: Resources, dataset_id: int) -> None:
    model_id = stored_model(resources, dataset_id=dataset_id)
    for key, _ in list(resources.storage.list_keys()):
        if key.startswith("artifacts/"):
            stored_path(resources.storage, key).write_bytes(b"canary")
    response = client.get(f"/api/v1/models/{model_id}/download")
    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    assert b"canary" not in response.data


def test_a_deleted_model_is_gone(client: FlaskClient, resources: Resources, dataset_id: int) -> None:
    path = f"/api/v1/models/{stored_model(resources, dataset_id=dataset_id)}"
    assert client.delete(path).status_code == 204
    assert [client.get(path).status_code, client.get(f"{path}/download").status_code] == [404, 404]
    assert client.delete(path).status_code == 404


def test_results_are_shown(client: FlaskClient, resources: Resources, dataset_id: int) -> None:
    model_id = stored_model(resources, dataset_id=dataset_id)
    stored_test_result(resources, model_id=model_id, dataset_id=dataset_id)
    stored_comparison(resources, dataset_id=dataset_id, winner_model_id=model_id)
    for noun, name in (("test-results", "test_result_id"), ("comparisons", "comparison_id")):
        assert len(documented_body(client, f"/{noun}", client.get(f"/api/v1/{noun}"))["items"]) == 1
        documented_body(client, f"/{noun}/{{{name}}}", client.get(f"/api/v1/{noun}/1"))


def test_every_model_type_is_described(client: FlaskClient) -> None:
    items = documented_body(client, "/model-types", client.get("/api/v1/model-types"))["items"]
    assert [item["model_type"] for item in items] == [kind.value for kind in ModelType]


def test_ready_names_each_part_and_needs_only_the_database(
    client: FlaskClient, lose_database: Callable[[], None]
) -> None:
    ready = documented_body(client, "/health/ready", client.get("/api/v1/health/ready"))
    assert {name: part["ok"] for name, part in ready["parts"].items()} == {
        "database": True,
        "broker": False,
        "workers": False,
        "storage": True,
    }
    lose_database()
    away = client.get("/api/v1/health/ready")
    assert (away.status_code, away.mimetype) == (503, "application/problem+json")
    assert away.get_json()["parts"]["database"]["ok"] is False


def test_live_says_which_process_answers(client: FlaskClient) -> None:
    live = documented_body(client, "/health/live", client.get("/api/v1/health/live"))
    assert live["pid"] == live["master_pid"] > 0
