"""Every error is a problem with a request id, says what to do, and shows nothing of the inside."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from ml_training.services.resources import Resources
from tests.support.api import ready_dataset, train_spec

JSON = {"Content-Type": "application/json"}


def problem_of(response: TestResponse, status: int) -> dict[str, Any]:
    """The problem that a response must be."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = json.loads(response.data)
    assert body["status"] == status
    assert body["type"] == "urn:ml-training:problem:" + body["title"].lower().replace(" ", "-")
    assert body["detail"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    return body


def submit(client: FlaskClient, data: bytes | str, **headers: str) -> TestResponse:
    """POST bytes as a job."""
    return client.post(
        "/api/v1/jobs", data=data, headers=JSON | {key.replace("_", "-"): v for key, v in headers.items()}
    )


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/jobs/",
        "/api/v1//jobs",
        "/api/v1/jobs/0",
        "/api/v1/jobs/-1",
        "/api/v1/jobs/01",
        "/api/v1/jobs/1.0",
        "/api/v1/jobs/abc",
        "/api/v1/jobs/7%0A",
        "/api/v1/jobs/\u0663",
        "/api/v1/jobs/1' OR '1'='1",
        "/api/v1/jobs/%2e%2e/%2e%2e/etc/passwd",
        "/.git/config",
        "/.env",
        "/static/x",
        "/metrics",
        "/api/v1/jobs/" + "9" * 3_000,
    ],
)
def test_an_unknown_path_or_an_impossible_id_is_404(client: FlaskClient, path: str) -> None:
    assert "no such route" in problem_of(client.get(path), 404)["detail"]


@pytest.mark.parametrize("noun", ["jobs", "datasets", "models", "test-results", "comparisons"])
@pytest.mark.parametrize("number", [1, 2**63 - 1, 2**63, 10**19 - 1])
def test_an_unknown_id_is_404_and_says_so(client: FlaskClient, noun: str, number: int) -> None:
    assert str(number) in problem_of(client.get(f"/api/v1/{noun}/{number}"), 404)["detail"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CANCEL"])
def test_a_method_that_the_route_does_not_know_is_405_with_those_it_knows(client: FlaskClient, method: str) -> None:
    response = client.open("/api/v1/jobs", method=method, headers={"X-HTTP-Method-Override": "GET"})
    problem_of(response, 405)
    assert response.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/problem+json",
    ],
)
def test_another_content_type_is_415_with_the_remedy(client: FlaskClient, kind: str | None) -> None:
    response = client.post("/api/v1/jobs", data=b"{}", headers={} if kind is None else {"Content-Type": kind})
    assert "application/json" in problem_of(response, 415)["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json; charset="UTF-8"']
)
def test_json_may_say_that_it_is_utf8(client: FlaskClient, kind: str) -> None:
    problem_of(client.post("/api/v1/jobs", data=b"{}", headers={"Content-Type": kind}), 422)


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/datasets"])
def test_a_compressed_body_is_415(client: FlaskClient, path: str) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    problem_of(client.post(path, data=b"\x1f\x8b", headers=headers), 415)


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 3_000, b'{"a": 1, "a": 2}', b"[NaN]", b'["\\ud800"]', b"\xff"])
def test_what_is_not_json_is_400(client: FlaskClient, data: bytes) -> None:
    problem_of(submit(client, data), 400)


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs/batch", "/api/v1/datasets", "/api/v1/jobs/1/cancel"])
def test_a_body_over_the_limit_is_413_with_the_limit(client: FlaskClient, path: str) -> None:
    body = problem_of(client.post(path, data=b" " * 4_001, headers=JSON), 413)
    assert "4,000 bytes" in body["detail"]


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(app: Flask) -> None:
    class Endless:
        served = 0

        def read(self, size: int = -1) -> bytes:
            assert size >= 0, "read without a bound"
            Endless.served += size
            return b" " * size

    environ = EnvironBuilder("/api/v1/jobs", method="POST", headers=JSON).get_environ()
    environ |= {"wsgi.input": Endless(), "wsgi.input_terminated": True}
    body, status, _ = run_wsgi_app(app.wsgi_app, environ)
    assert status.startswith("413 ")
    assert "4,000 bytes" in json.loads(b"".join(body))["detail"]
    assert Endless.served < 1_000_000


def test_every_reason_against_a_spec_comes_at_once_with_pointers(client: FlaskClient, resources: Resources) -> None:
    spec = train_spec(
        ready_dataset(resources), model_type="lightgbm", params={"max_depth": 65, "n_jobs": 4}, colour="red"
    )
    errors = problem_of(submit(client, json.dumps(spec)), 422)["errors"]
    assert sorted(error["pointer"] for error in errors) == ["/colour", "/params/max_depth", "/params/n_jobs"]


def test_the_answer_to_a_bad_body_is_not_larger_than_the_body(client: FlaskClient, resources: Resources) -> None:
    spec = train_spec(ready_dataset(resources), features=[0] * 1_500)
    body = problem_of(submit(client, json.dumps(spec, separators=(",", ":"))), 422)
    assert len(body["errors"]) == 1_000
    assert "of 1,500 reasons these are the first 1,000" in body["detail"]


def test_a_job_that_does_not_fit_the_data_is_rejected(client: FlaskClient, resources: Resources) -> None:
    spec = train_spec(ready_dataset(resources), target={"column": "nothing"}, features=["a", "nowhere"])
    errors = problem_of(submit(client, json.dumps(spec)), 422)["errors"]
    assert sorted(error["pointer"] for error in errors) == ["/features/1", "/target/column"]


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("colour=red", ["/colour"]),
        ("limit=5&limit=6", ["/limit"]),
        ("limit=0", ["/limit"]),
        ("limit=201", ["/limit"]),
        ("limit=1_0", ["/limit"]),
        ("limit=+5", ["/limit"]),
        ("limit=%D9%A3", ["/limit"]),
        ("limit=99999999999999999999", ["/limit"]),
        ("cursor=x", ["/cursor"]),
        ("cursor=", ["/cursor"]),
        ("cursor=-1", ["/cursor"]),
        ("cursor=%00", ["/cursor"]),
        ("status=running", ["/status"]),
        ("model_type=mixed%00", ["/model_type"]),
        ("status=&job_type=X&colour=red&limit=a", ["/colour", "/job_type", "/limit", "/status"]),
    ],
)
def test_a_wrong_query_is_422_and_names_the_parameters(client: FlaskClient, query: str, pointers: list[str]) -> None:
    body = problem_of(client.get(f"/api/v1/jobs?{query}"), 422)
    assert sorted(error["pointer"] for error in body["errors"]) == pointers


@pytest.mark.parametrize(
    "path", ["/api/v1/health/live", "/api/v1/model-types", "/api/v1/datasets/samples", "/api/v1/models/1"]
)
def test_a_query_on_a_route_without_parameters_is_an_error(client: FlaskClient, path: str) -> None:
    problem_of(client.get(f"{path}?wait=1"), 422)


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "forever", ""])
def test_a_wait_is_whole_seconds_up_to_sixty(client: FlaskClient, wait: str) -> None:
    assert problem_of(client.get(f"/api/v1/jobs/1?wait={wait}"), 422)["errors"][0]["pointer"] == "/wait"


@pytest.mark.parametrize("key", ["", "k" * 129, "a\tb", "caf\u00e9"])
def test_an_idempotency_key_is_1_to_128_printable_ascii_characters(
    client: FlaskClient, resources: Resources, key: str
) -> None:
    spec = json.dumps(train_spec(ready_dataset(resources)))
    assert "Idempotency-Key" in problem_of(submit(client, spec, Idempotency_Key=key), 422)["detail"]


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/models/1", "/api/v1/health/ready"])
def test_the_database_away_is_503_with_retry_after_and_live_stays_200(
    client: FlaskClient, lose_database: Callable[[], None], path: str
) -> None:
    lose_database()
    response = client.get(path)
    problem_of(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
    assert client.get("/api/v1/health/live").status_code == 200


def test_a_full_disk_is_503(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device: /var/secret")

    monkeypatch.setattr("ml_training.storage.local.LocalStorage.put_bytes", full)
    response = client.post("/api/v1/datasets", json={"name": "x", "sample": "iris"})
    assert "secret" not in json.dumps(problem_of(response, 503))


@pytest.mark.parametrize("testing", [True, False])
def test_a_defect_is_500_without_internal_details(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, testing: bool
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=secret")

    monkeypatch.setattr("ml_training.services.queries.list_jobs", broken)
    app.testing = testing
    body = problem_of(client.get("/api/v1/jobs"), 500)
    assert "secret" not in json.dumps(body)
    assert body["request_id"] in body["detail"]
