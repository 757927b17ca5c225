"""Downloads from a bucket: the API sends the compared bytes, or says for a while where the bucket itself gives them."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from ml_training.client import Client
from ml_training.client.errors import ApiError
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import create_key
from tests.support.api_process import running_api
from tests.support.datasets import generated_csv
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, S3Server

SECONDS = 60


def bucket_settings(server: S3Server) -> dict[str, str]:
    """A new place in the bucket, with addresses that are good for a minute."""
    return {
        "storage_url": f"s3://{BUCKET}/{server.address().prefix}",
        "s3_endpoint": server.url,
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": SECRET,
        "s3_redirect_seconds": str(SECONDS),
    }


@pytest.fixture(scope="module")
def settings(rclone: S3Server) -> dict[str, str]:
    return bucket_settings(rclone)


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str], settings: dict[str, str]) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", new_sqlite(), **settings) as service:
        yield service


def trained(service: InProcessService) -> dict[str, Any]:
    """A model."""
    data = service.upload(generated_csv(200, 3), {"name": "data"})
    spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": data["id"]}
    answer = service.client.post(f"{PREFIX}/jobs", json={**spec, "target": {"column": "target"}})
    assert answer.status_code == 202, answer.data
    service.work()
    found: dict[str, Any] = service.get(f"/models/{service.get('/models')['items'][0]['id']}")
    return found


def download(service: InProcessService, model: dict[str, Any], query: str = "", **headers: str) -> TestResponse:
    """The answer to a GET, without following it."""
    return service.client.get(f"{PREFIX}/models/{model['id']}/download{query}", headers=headers, buffered=True)


def read(address: str) -> bytes:
    """What somebody gets who has nothing but the address."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def test_the_bucket_gives_the_file_to_whoever_has_the_address_for_a_while(service: InProcessService) -> None:
    model = trained(service)
    answer = download(service, model)
    assert (answer.status_code, answer.data) == (307, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    address = answer.headers["Location"]
    assert parse_qs(urlsplit(address).query)["X-Amz-Expires"] == [str(SECONDS)]
    assert SECRET not in address
    assert hashlib.sha256(read(address)).hexdigest() == model["artifact_sha256"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        read(address.replace("X-Amz-Signature=", "X-Amz-Signature=0"))


def test_who_cannot_follow_gets_the_bytes_from_the_api(service: InProcessService) -> None:
    model = trained(service)
    answer = download(service, model, "?redirect=false")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.data).hexdigest() == model["artifact_sha256"]
    assert download(service, model, "", **{"If-None-Match": answer.headers["ETag"]}).status_code == 304
    head = service.client.head(f"{PREFIX}/models/{model['id']}/download", buffered=True)
    assert (head.status_code, head.content_length) == (200, model["artifact_bytes"]), "a signature is for one method"
    refused = download(service, model, "?redirect=maybe")
    assert refused.status_code == 422
    assert refused.json["errors"] == [{"pointer": "/redirect", "detail": "must be true or false"}]


def test_nobody_is_sent_to_a_file_that_is_not_there(service: InProcessService) -> None:
    model = trained(service)
    service.resources.storage.delete(f"artifacts/{model['artifact_sha256'][:2]}/{model['artifact_sha256']}")
    answer = download(service, model)
    assert answer.status_code == 503
    assert "damaged or gone" in answer.json["detail"]


def test_a_directory_and_a_bucket_without_the_setting_send_the_bytes(
    tmp_path: Path, new_sqlite: Callable[[], str], settings: dict[str, str]
) -> None:
    for number, more in enumerate(({"s3_redirect_seconds": "60"}, {**settings, "s3_redirect_seconds": "0"})):
        with InProcessService(tmp_path / f"data-{number}", new_sqlite(), **more) as service:
            model = trained(service)
            answer = download(service, model)
            assert answer.status_code == 200
            assert hashlib.sha256(answer.data).hexdigest() == model["artifact_sha256"]


def test_the_client_follows_without_its_key_and_compares_the_bytes(
    tmp_path: Path, new_sqlite: Callable[[], str], settings: dict[str, str], broker_url: str
) -> None:
    """The server refuses a request with two signatures, and one with a key of another kind."""
    url = new_sqlite()
    with InProcessService(tmp_path / "data", url, **settings) as service:
        model = trained(service)
    with running_api(tmp_path, url, broker_url, **settings) as api:
        made = create_key(api.resources.database, SERVICE, name="client", role=Role.VIEWER, project="default")
        address = f"http://127.0.0.1:{api.port}"
        with Client(address, key=made.key) as client:
            path = client.models.get(model["id"]).download(tmp_path / "model.zip")
            assert hashlib.sha256(path.read_bytes()).hexdigest() == model["artifact_sha256"]
        with Client(address, key="mlt_0_wrong") as stranger, pytest.raises(ApiError):
            stranger.models.get(model["id"])
