"""Around every request: its id, the security headers, whose page sent it, and what is counted."""

from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.api.heartbeat import make_heartbeat
from ml_training.db.heartbeats import list_heartbeats
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from tests.support.api import ready_dataset, train_spec

LIVE = "/api/v1/health/live"


@pytest.mark.parametrize("wanted", ["abc-123", "A" * 64])
def test_a_request_keeps_the_id_that_its_sender_gave_it(client: FlaskClient, wanted: str) -> None:
    assert client.get(LIVE, headers={"X-Request-Id": wanted}).headers["X-Request-Id"] == wanted


@pytest.mark.parametrize("wanted", ["", "A" * 65, "a b", "a;b", "\u00e9", "<script>", "a_b"])
def test_an_id_that_could_do_harm_is_replaced(client: FlaskClient, wanted: str) -> None:
    ids = {client.get(LIVE, headers={"X-Request-Id": wanted}).headers["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2
    assert wanted not in ids


def test_the_id_is_bound_to_the_log_of_its_request_only(app: Flask, client: FlaskClient) -> None:
    seen: list[dict[str, Any]] = []
    app.before_request(lambda: seen.append(structlog.contextvars.get_contextvars()))
    client.get(LIVE, headers={"X-Request-Id": "mine"})
    assert seen == [{"request_id": "mine"}]
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("path", [LIVE, "/nothing", "/docs", "/openapi.json", "/api/v1/jobs?colour=red"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/jobs/1/cancel", "/api/v1/datasets", "/api/v1/jobs"])
def test_a_page_of_another_origin_may_change_nothing(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    response = client.post(path, headers=headers)
    assert (response.status_code, response.mimetype) == (403, "application/problem+json")


@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:8000", "a b", "localhost.evil.example", "10.0.0.1"])
@pytest.mark.parametrize("path", [LIVE, "/nothing", "/docs", "/openapi.json", "/api/v1/jobs"])
def test_a_name_that_is_not_the_services_is_421(client: FlaskClient, path: str, host: str) -> None:
    response = client.get(path, headers={"Host": host})
    assert (response.status_code, response.mimetype) == (421, "application/problem+json")
    assert "ML_TRAINING_ALLOWED_HOSTS" in response.get_json()["detail"]


def test_a_page_under_a_name_that_resolves_to_this_machine_stores_nothing(client: FlaskClient) -> None:
    headers = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    body = {"name": "x", "sample": "breast_cancer"}
    assert client.post("/api/v1/datasets", json=body, headers=headers).status_code == 421
    assert client.get("/api/v1/datasets").get_json()["items"] == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"http://evil.example{LIVE}", 421),
        (f"http://user@localhost{LIVE}", 421),
        ("localhost:80", 421),
        (f"http://localhost{LIVE}", 200),
        (f"//localhost{LIVE}", 404),
        (f"http://localhost/{LIVE}", 404),
        (LIVE.replace("/health", "//health"), 404),
        (LIVE.replace("health/", "health%2F"), 404),
        (LIVE.replace("health/", "health%5c"), 404),
        (f"{LIVE}?x=//", 422),
    ],
)
def test_a_target_is_a_path_as_it_is_documented(client: FlaskClient, target: str, status: int) -> None:
    query = target.partition("?")[2]
    found = client.get(f"{LIVE}?{query}", environ_overrides={"RAW_URI": target})
    assert found.status_code == status


def test_the_scheme_of_a_page_counts_where_it_is_known(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allowed_hosts": "ml.example.org"}))

    def status(origin: str, host: str, scheme: str = "http") -> int:
        headers = {"Origin": origin, "Host": host}
        overrides = {"wsgi.url_scheme": scheme}
        return app.test_client().post("/api/v1/jobs", headers=headers, environ_overrides=overrides).status_code

    try:
        assert status("https://localhost", "localhost") == 403
        assert status("http://localhost", "localhost") == 415
        assert status("https://ml.example.org", "ml.example.org") == 415  # a proxy may end TLS without saying so
        assert status("http://ml.example.org", "ml.example.org") == 415
        assert status("http://ml.example.org", "ml.example.org", "https") == 403
    finally:
        context_of(app).resources.close()


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost"}]
)
def test_programs_and_the_own_docs_page_may(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/api/v1/jobs/1/cancel", headers=headers).status_code == 404


def test_a_foreign_page_may_read_what_the_browser_will_not_show_it(client: FlaskClient) -> None:
    response = client.get(LIVE, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_requests_are_counted_by_template_never_by_path(app: Flask, client: FlaskClient) -> None:
    for path in ("/api/v1/jobs/1", "/api/v1/jobs/2", "/etc/passwd", "/x"):
        client.get(path)
    client.open("/api/v1/jobs", method="BREW")
    snapshot = context_of(app).counters.snapshot()
    assert snapshot["requests"] == {
        "GET /api/v1/jobs/{job_id} 404": 2,
        "GET unmatched 404": 2,
        "other unmatched 405": 1,
    }
    assert {route: sum(item["buckets"]) for route, item in snapshot["durations"].items()} == {
        "/api/v1/jobs/{job_id}": 2,
        "unmatched": 3,
    }


def test_rejected_jobs_are_counted_by_reason(app: Flask, client: FlaskClient, resources: Resources) -> None:
    dataset_id = ready_dataset(resources)
    client.post("/api/v1/jobs", json={})
    client.post("/api/v1/jobs", data=b"{", content_type="application/json")
    client.post("/api/v1/jobs", data=b"{}", content_type="text/plain")
    client.post("/api/v1/jobs/batch", json={"jobs": [{}, train_spec(dataset_id), 7]})
    client.post("/api/v1/jobs", json=train_spec(dataset_id))
    client.get("/api/v1/jobs/77")
    counted = context_of(app).counters.snapshot()["rejected"]
    assert counted == {"invalid": 3, "bad_request": 1, "wrong_kind": 1}


def test_the_heartbeat_carries_the_counts(app: Flask, client: FlaskClient, resources: Resources) -> None:
    client.get(LIVE)
    make_heartbeat(app, every=60.0).write_once()
    with resources.database.read() as connection:
        (row,) = list_heartbeats(connection, kind="api", within_seconds=30)
    live = client.get(LIVE).get_json()
    assert row.body["pid"] == live["pid"]
    assert row.body["rss_bytes"] > 10_000_000
    assert row.body["master_started_at"] > 1_700_000_000
    assert row.body["requests"] == {f"GET {LIVE} 200": 1}
    assert row.body["rejected"] == {}
