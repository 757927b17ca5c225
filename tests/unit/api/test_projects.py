"""Projects over HTTP: made, listed, limited; everything that is wrong is said at once, and changes nothing."""

from typing import Any

import pytest
from flask.testing import FlaskClient

NOTHING = {"pending_jobs": None, "running_jobs": None, "stored_bytes": None, "submissions_per_minute": None}
UNUSED = {"pending_jobs": 0, "running_jobs": 0, "stored_bytes": 0}


def test_a_project_is_made_shown_and_limited(client: FlaskClient) -> None:
    answer = client.post("/api/v1/projects", json={"name": "marketing", "quotas": {"running_jobs": 4}})
    made = answer.get_json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/v1/projects/{made['id']}")
    assert (made["quotas"], made["usage"]) == ({**NOTHING, "running_jobs": 4}, UNUSED)
    address = answer.headers["Location"]
    changed = client.patch(address, json={"quotas": {"running_jobs": None, "pending_jobs": 0}}).get_json()
    assert changed["quotas"] == {**NOTHING, "pending_jobs": 0}
    assert client.get(address).get_json() == changed
    page = client.get("/api/v1/projects?limit=1").get_json()
    assert [project["name"] for project in page["items"]] == ["marketing"]
    last = client.get(f"/api/v1/projects?cursor={page['next_cursor']}").get_json()
    assert [(project["id"], project["name"]) for project in last["items"]] == [(1, "default")]
    assert last["next_cursor"] is None


def test_a_name_is_taken_once(client: FlaskClient) -> None:
    answer = client.post("/api/v1/projects", json={"name": "default"})
    assert (answer.status_code, answer.get_json()["title"]) == (409, "Conflict")
    assert "choose another name" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        (
            {"name": "a b", "quotas": {"pending_jobs": -1, "hours": 2}},
            ["/name", "/quotas/hours", "/quotas/pending_jobs"],
        ),
        ({"name": "x", "quotas": {"stored_bytes": 1.5}}, ["/quotas/stored_bytes"]),
        ({"name": "x", "quotas": {"stored_bytes": 2**60}}, ["/quotas/stored_bytes"]),
        ({"name": "x", "quotas": {"pending_jobs": True}}, ["/quotas/pending_jobs"]),
        ([], [""]),
    ],
)
def test_a_wrong_project_is_refused_with_every_reason(client: FlaskClient, body: Any, pointers: list[str]) -> None:
    answer = client.post("/api/v1/projects", json=body)
    assert answer.status_code == 422
    assert sorted(error["pointer"] for error in answer.get_json()["errors"]) == pointers
    assert len(client.get("/api/v1/projects").get_json()["items"]) == 1


@pytest.mark.parametrize("body", [{"quotas": {}}, {}, {"name": "other"}, {"quotas": None}])
def test_a_change_that_changes_nothing_is_refused(client: FlaskClient, body: Any) -> None:
    assert client.patch("/api/v1/projects/1", json=body).status_code == 422


def test_an_unknown_project_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/v1/projects/99").status_code == 404
    assert client.patch("/api/v1/projects/99", json={"quotas": {"pending_jobs": 1}}).status_code == 404
    assert client.get("/api/v1/projects/9223372036854775808").status_code == 404
