"""Data sets from files in a bucket: by the name of a root, within the limits of an upload, and refreshed by ETag."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_training.domain.limits import Limits
from tests.support.in_process_service import PREFIX
from tests.support.source_bucket import BUCKET, KEY_ID, SECRET, SourceBucket, source_bucket
from tests.support.warehouse import SourcedService, sources

CSV = b"day;amount;left\n" + b"".join(f"{1 + n % 28:02}.01.2026;{n},5;{n % 2}\n".encode() for n in range(50))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceBucket]:
    with source_bucket(tmp_path_factory.mktemp("bucket")) as found:
        found.put("data.csv", CSV)
        found.put("secret.csv", b"a,b\n1,2\n", below="")  # above the prefix of the root
        yield found


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str], bucket: SourceBucket) -> Iterator[SourcedService]:
    with SourcedService(tmp_path / "data", new_sqlite(), sources(lake=bucket.url)) as service:
        yield service


def test_a_file_is_taken_like_an_upload(service: SourcedService, bucket: SourceBucket) -> None:
    bucket.put("2026/data.csv.gz", gzip.compress(CSV, mtime=0))
    plain = service.take(source="s3://lake/data.csv", time_column="day", decimal=",")
    packed = service.take(source="s3://lake/2026/data.csv.gz", time_column="day", decimal=",")
    uploaded = service.upload(CSV, {"name": "data", "time_column": "day", "decimal": ","})
    for found in (plain, packed):
        assert (found["status"], found["rows"]) == ("READY", 50), found["reasons"]
        assert found["profile"]["columns"] == uploaded["profile"]["columns"]
    assert plain["sha256"] == uploaded["sha256"]
    assert plain["origin"] == {"connection": None, "query": None, "source": "s3://lake/data.csv"}


def test_a_refresh_asks_for_the_etag_first_and_believes_the_bytes(
    service: SourcedService, bucket: SourceBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("orders.csv", b"a,b\n1,2\n3,4\n")
    first = service.take(source="s3://lake/orders.csv")
    assert service.refresh(first["id"])["result"] == {"dataset_id": first["id"]}
    # A server that says nothing, or another tag for the same bytes, makes no version either.
    monkeypatch.setattr("ml_training.sources.bucket_file._strong", lambda tag: "")
    assert service.refresh(first["id"])["result"] == {"dataset_id": first["id"]}
    monkeypatch.undo()
    bucket.put("orders.csv", b"a,b\n1,2\n3,5\n")
    second = service.get(f"/datasets/{service.refresh(first['id'])['result']['dataset_id']}")
    assert (second["version"], second["status"]) == (2, "READY")


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd.csv",
        "http://169.254.169.254/latest/meta-data.csv",
        "s3://other/data.csv",
        "s3://lake/../secret.csv",
        "s3://lake/a/../../../secret.csv",
        "s3://lake/%2e%2e/%2e%2e/secret.csv",
        "s3://lake/%252e%252e/secret.csv",
        "s3://lake/..%2fsecret.csv",
        "s3://lake//secret.csv",
        "s3://lake/./secret.csv",
        "s3://lake/a\\..\\secret.csv",
        "s3://lake/a\nb.csv",
        "s3://lake/",
        "s3://lake",
        "s3://Lake/data.csv",
        "s3://user:pw@lake/data.csv",
        "lake/data.csv",
        "s3://lake/data.exe",
        f"s3://lake/{'x' * 1100}.csv",
    ],
)
def test_no_other_place_is_read(service: SourcedService, source: str) -> None:
    answer = service.client.post(f"{PREFIX}/datasets", json={"name": "data", "source": source})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/source"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("nothing.csv", "no such object"),
        ("secret.csv", "no such object"),
        ("data.parquet", "PAR1"),
        ("empty.csv", "empty"),
    ],
)
def test_what_cannot_be_taken_is_rejected_with_the_reason(
    service: SourcedService, bucket: SourceBucket, key: str, said: str
) -> None:
    bucket.put("data.parquet", CSV)
    bucket.put("empty.csv", b"")
    found = service.take(source=f"s3://lake/{key}")
    assert found["status"] == "REJECTED"
    assert said in found["reasons"][0]["detail"]


def test_the_limit_of_an_upload_holds_and_secrets_stay(
    tmp_path: Path, new_sqlite: Callable[[], str], bucket: SourceBucket, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = bucket.url.replace(BUCKET, "no-such-bucket")
    with SourcedService(
        tmp_path / "a", new_sqlite(), sources(lake=bucket.url, gone=gone), Limits(upload_bytes=100)
    ) as service:
        found = service.take(source="s3://lake/data.csv")
        assert "100 is the limit" in found["reasons"][0]["detail"]
        found = service.take(source="s3://gone/data.csv")
        assert "does not exist" in found["reasons"][0]["detail"]
        shown = str([service.get(path) for path in ("/datasets", "/jobs", "/audit")]) + "".join(capfd.readouterr())
        assert not [secret for secret in (KEY_ID, SECRET, bucket.endpoint, bucket.url) if secret in shown]
