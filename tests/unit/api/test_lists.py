"""Filters and order of the lists, and data sets over bytes that are stored already."""

import hashlib
import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from ml_training.domain.errors import NotFound
from ml_training.services import datasets as service
from ml_training.services.resources import Resources
from ml_training.storage.base import StoredObject
from tests.support.api import documented_body, ready_dataset, stored_model, train_spec
from tests.support.forms import form_request

CSV = b"a,b\n1,2\n3,4\n"
SHA256 = hashlib.sha256(CSV).hexdigest()
API = "/api/v1"


def ids(client: FlaskClient, path: str) -> list[int]:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 200, response.get_json()
    return [item["id"] for item in response.get_json()["items"]]


def pointers(client: FlaskClient, path: str) -> list[str]:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 422
    return [error["pointer"] for error in response.get_json()["errors"]]


def submit(client: FlaskClient, dataset_id: int, **fields: Any) -> int:
    response = client.post(f"{API}/jobs", json=train_spec(dataset_id, train_start=None, **fields))
    assert response.status_code == 202, response.get_json()
    return int(response.get_json()["id"])


def upload(client: FlaskClient, name: str = "first", file_name: str = "data.csv") -> dict[str, Any]:
    form = form_request({"name": name, "file": (io.BytesIO(CSV), file_name)})
    response = client.post(f"{API}/datasets", **form)
    assert response.status_code == 201, response.get_json()
    found: dict[str, Any] = response.get_json()
    return found


def test_jobs_are_found_by_the_name_of_their_model_and_by_their_data_set(
    client: FlaskClient, resources: Resources
) -> None:
    first, second = ready_dataset(resources), ready_dataset(resources)
    churn = [submit(client, first, model_name="churn"), submit(client, second, model_name="churn")]
    other = submit(client, second, model_name="churn-2")
    client.post(f"{API}/jobs/{churn[1]}/cancel")
    assert ids(client, "jobs?name=churn") == churn[::-1]
    assert ids(client, "jobs?name=churn&status=PENDING") == churn[:1]
    assert ids(client, f"jobs?dataset_id={second}") == [other, churn[1]]
    assert ids(client, f"jobs?dataset_id={second}&status=PENDING&job_type=TRAIN") == [other]
    assert ids(client, "jobs?name=chur") == []


def test_lists_are_read_from_both_ends_page_by_page(client: FlaskClient, resources: Resources) -> None:
    dataset_id = ready_dataset(resources)
    stored = [submit(client, dataset_id, model_name="churn") for _ in range(5)]
    for query in ("", "&name=churn", "&status=PENDING", f"&dataset_id={dataset_id}"):
        seen: list[int] = []
        cursor = ""
        while True:
            page = client.get(f"{API}/jobs?sort=oldest&limit=2{query}{cursor}").get_json()
            seen += [job["id"] for job in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == stored
    more = ready_dataset(resources)
    assert ids(client, "datasets?sort=oldest") == [dataset_id, more]
    assert ids(client, "datasets") == [more, dataset_id]


def test_filters_that_no_index_answers_together_are_refused_with_those_that_go_together(client: FlaskClient) -> None:
    assert pointers(client, "jobs?name=churn&job_type=TRAIN") == ["/name", "/job_type"]
    assert pointers(client, "models?tag=eu&name=churn") == ["/name", "/tag"]
    assert sorted(pointers(client, "jobs?dataset_id=0&sort=best")) == ["/dataset_id", "/sort"]
    assert pointers(client, "datasets?name=a%20b&status=ready") == ["/name", "/status"]


def test_data_sets_are_found_by_name_and_status(client: FlaskClient, resources: Resources) -> None:
    ready, other = ready_dataset(resources, name="a"), ready_dataset(resources, name="b")
    waiting = upload(client, name="a")["id"]
    assert ids(client, "datasets?name=a") == [waiting, ready]
    assert ids(client, "datasets?name=a&status=READY") == [ready]
    assert ids(client, "datasets?status=READY") == [other, ready]


def test_models_are_found_by_tag_and_data_set(client: FlaskClient, resources: Resources) -> None:
    datasets = [ready_dataset(resources), ready_dataset(resources)]
    models = [
        stored_model(resources, dataset_id=dataset_id, job_id=100 + number)
        for number, dataset_id in enumerate([datasets[0], datasets[1], datasets[1]])
    ]
    client.patch(f"{API}/models/{models[0]}", json={"tags": ["eu", "old"]})
    client.patch(f"{API}/models/{models[1]}", json={"tags": ["eu"]})
    assert ids(client, "models?tag=eu") == [models[1], models[0]]
    assert ids(client, "models?tag=eu&sort=oldest") == models[:2]
    assert ids(client, f"models?dataset_id={datasets[1]}&model_type=lightgbm") == [models[2], models[1]]
    client.patch(f"{API}/models/{models[0]}", json={"tags": ["old"]})
    client.delete(f"{API}/models/{models[1]}")
    assert ids(client, "models?tag=eu") == []
    assert ids(client, "models?tag=old") == [models[0]]


def test_stored_bytes_make_another_data_set_without_a_second_upload(client: FlaskClient) -> None:
    address = f"{API}/datasets/sha256/{SHA256}"
    assert client.head(address).status_code == 404
    first = upload(client)
    assert client.head(address).status_code == 200
    found = documented_body(client, "/datasets/sha256/{sha256}", client.get(address))
    assert found == {"sha256": SHA256, "bytes": len(CSV)}
    body = {"name": "second", "sha256": SHA256, "file_name": "x.csv", "group_column": "a"}
    made = client.post(f"{API}/datasets", json=body)
    assert made.status_code == 201
    assert made.get_json()["sha256"] == first["sha256"]
    assert (made.get_json()["name"], made.get_json()["group_column"]) == ("second", "a")


def test_bytes_that_are_not_there_or_of_another_format_must_be_uploaded(
    client: FlaskClient, resources: Resources
) -> None:
    def create(**fields: Any) -> int:
        body = {"name": "second", "sha256": SHA256, "file_name": "x.csv"} | fields
        return client.post(f"{API}/datasets", json=body).status_code

    assert create() == 404
    first = upload(client)
    assert create(file_name="x.parquet") == 404
    assert create(file_name="x.pdf") == 415
    assert create(sha256="AB") == create(name="a b") == create(sample="iris") == 422
    client.post(f"{API}/jobs/{first['job_id']}/cancel")
    assert client.delete(f"{API}/datasets/{first['id']}").status_code == 204
    assert create() == 404


def test_damaged_bytes_are_not_used_again(client: FlaskClient, resources: Resources) -> None:
    upload(client)
    stored = service.find_upload(resources, SHA256)
    with resources.storage.local(stored.key) as path:
        path.write_bytes(b"other")
    body = {"name": "second", "sha256": SHA256, "file_name": "x.csv"}
    assert client.post(f"{API}/datasets", json=body).status_code == 404
    upload(client)  # repairs them
    assert client.post(f"{API}/datasets", json=body).status_code == 201


def test_bytes_are_not_used_when_the_last_data_set_with_them_was_deleted_after_the_check(
    client: FlaskClient, resources: Resources
) -> None:
    first = upload(client)
    stored = service.find_upload(resources, SHA256)
    client.post(f"{API}/jobs/{first['job_id']}/cancel")
    assert client.delete(f"{API}/datasets/{first['id']}").status_code == 204  # from now on the sweeper may take them
    with pytest.raises(NotFound, match="upload the file"):
        service.accept_upload(
            resources,
            name="second",
            file_format="csv",
            stored=StoredObject(stored.key, stored.sha256, stored.size),
            is_stored_before=True,
        )
    assert ids(client, "datasets") == []


@pytest.mark.parametrize("hash_", ["x", SHA256[:-1], SHA256.upper()])
def test_a_hash_that_is_none_is_refused(client: FlaskClient, hash_: str) -> None:
    assert client.get(f"{API}/datasets/sha256/{hash_}").status_code == 422
