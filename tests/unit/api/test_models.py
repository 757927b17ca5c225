"""Models as users handle them over HTTP: describe, tag, name, find, train again; answers as documented."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ml_training.domain.specs import parse_spec, spec_json
from ml_training.services.resources import Resources
from tests.support.api import documented_body, ready_dataset, stored_model, train_spec, usable_model


@pytest.fixture
def models(resources: Resources) -> list[int]:
    """Two versions of a name, and a model of another name and type."""
    dataset_id = ready_dataset(resources)
    return [
        usable_model(resources, dataset_id=dataset_id, job_id=101, name="churn"),
        usable_model(resources, dataset_id=dataset_id, job_id=102, name="churn"),
        stored_model(resources, dataset_id=dataset_id, job_id=103, name="other", model_type="ridge"),
    ]


def patch(client: FlaskClient, model_id: int, **changes: Any) -> TestResponse:
    """PATCH a model."""
    return client.patch(f"/api/v1/models/{model_id}", json=changes)


def test_a_change_answers_with_the_changed_model(client: FlaskClient, models: list[int]) -> None:
    first, second, _ = models
    response = patch(client, first, description="for the EU", tags=["eu"], aliases=["champion"])
    changed = documented_body(client, "/models/{model_id}", response, "patch")
    assert (changed["description"], changed["tags"], changed["aliases"]) == ("for the EU", ["eu"], ["champion"])
    assert client.get(f"/api/v1/models/{first}").get_json() == changed
    assert patch(client, second, aliases=["champion"]).get_json()["aliases"] == ["champion"]
    shown = documented_body(client, "/models", client.get("/api/v1/models"))["items"]
    assert [model["aliases"] for model in shown] == [[], ["champion"], []]
    assert [model["tags"] for model in shown] == [[], [], ["eu"]]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, [""]),
        ({"version": 3}, ["/version"]),
        ({"description": None, "tags": ["a b"], "aliases": ["A"]}, ["/aliases/0", "/description", "/tags/0"]),
    ],
)
def test_a_wrong_change_is_422_with_every_reason(
    client: FlaskClient, models: list[int], body: dict[str, Any], pointers: list[str]
) -> None:
    response = patch(client, models[0], **body)
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert sorted(error["pointer"] for error in response.get_json()["errors"]) == pointers


def test_a_change_that_is_not_json_or_of_an_unknown_model_is_rejected(client: FlaskClient, models: list[int]) -> None:
    path = f"/api/v1/models/{models[0]}"
    assert client.patch(path, data=b"{", content_type="application/json").status_code == 400
    assert client.patch(path, data=b"{}", content_type="application/merge-patch+json").status_code == 415
    assert client.patch(path, json={"tags": []}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert patch(client, 999, tags=[]).status_code == 404
    client.delete(path)
    assert patch(client, models[0], tags=[]).status_code == 404


def test_models_are_filtered(client: FlaskClient, models: list[int]) -> None:
    patch(client, models[0], aliases=["champion"])

    def ids(query: str) -> list[int]:
        return [model["id"] for model in client.get(f"/api/v1/models?{query}").get_json()["items"]]

    assert ids("name=churn") == [models[1], models[0]]
    assert ids("alias=champion&name=churn") == [models[0]]
    assert ids("model_type=ridge") == [models[2]]
    assert ids("name=nobody") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("name=a%20b", "/name"),
        ("alias=Champion", "/alias"),
        ("model_type=mixed", "/model_type"),
        ("tag=a%20b", "/tag"),
        ("tags=x", "/tags"),
    ],
)
def test_a_filter_that_cannot_match_is_422(client: FlaskClient, query: str, pointer: str) -> None:
    response = client.get(f"/api/v1/models?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.get_json()["errors"]] == [pointer]


def test_a_model_that_a_job_needs_is_409(client: FlaskClient, models: list[int]) -> None:
    spec = {"job_type": "TEST", "model_id": models[0], "dataset_id": 1}
    job_id = client.post("/api/v1/jobs", json=spec).get_json()["id"]
    path = f"/api/v1/models/{models[0]}"
    refused = client.delete(path)
    assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
    client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert client.delete(path).status_code == 204


def test_the_spec_of_a_model_is_a_job_spec(client: FlaskClient, resources: Resources, models: list[int]) -> None:
    # Column b holds row numbers: the stored spec of a new model names it among those that are left out.
    spec, _ = parse_spec(
        train_spec(1, train_start=None, random_state=7, exclude_features=["b"]), max_runtime_seconds=60
    )
    assert spec is not None
    model_id = stored_model(resources, dataset_id=1, job_id=104, lineage={"spec": spec_json(spec)})
    shown = documented_body(client, "/models/{model_id}/spec", client.get(f"/api/v1/models/{model_id}/spec"))
    submitted = client.post("/api/v1/jobs", json=shown)
    assert submitted.status_code == 202
    assert submitted.get_json()["spec"] == shown
    assert client.get("/api/v1/models/999/spec").status_code == 404
