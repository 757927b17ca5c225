"""A bucket behind a bad line: what happens once is repeated, what lasts is an OSError, wrong bytes are not used."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_training.domain.states import DatasetStatus
from ml_training.storage.base import IntegrityError, ObjectKind
from ml_training.storage.bucket import PART_BYTES, BucketAddress
from ml_training.storage.s3 import S3Storage
from tests.support.datasets import generated_csv
from tests.support.eventually import eventually
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.s3_proxy import (
    S3Proxy,
    Trouble,
    away,
    cut_answer,
    first,
    late,
    lie,
    lose_answer,
    refusing,
    repeat,
    s3_proxy_to,
    shorten_answer,
    slow,
)
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, S3Server, open_s3

DATA = os.urandom(300_000)
ONCE: dict[str, Trouble] = {
    "connection cut": away,
    "answer lost": lose_answer,
    "answer cut": cut_answer,
    "500": refusing(500, "InternalError"),
    "503": refusing(503, "SlowDown"),
    "late": late(0.3),
    "request repeated": repeat,
}
LASTING: dict[str, tuple[Trouble, int]] = {
    "away": (away, errno.EIO),
    "500": (refusing(500, "InternalError"), errno.EIO),
    "overloaded": (refusing(503, "SlowDown"), errno.EIO),
    "full": (refusing(507, "QuotaExceeded"), errno.ENOSPC),
    "no permission": (refusing(403, "AccessDenied"), errno.EACCES),
    "bucket removed": (refusing(404, "NoSuchBucket"), errno.EIO),
    "never answers": (late(60.0), errno.EIO),
}
LIKE_AWAY = ("500", "overloaded", "full", "never answers")  # each is tried again for seconds


@pytest.fixture
def proxy(rclone: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy_to(rclone.port) as proxy:
        yield proxy


@pytest.fixture
def address(rclone: S3Server, proxy: S3Proxy) -> BucketAddress:
    """The bucket behind the proxy."""
    return rclone.address(port=proxy.port)


@pytest.fixture
def storage(address: BucketAddress, tmp_path: Path) -> S3Storage:
    """As patient as a service: a machine under load answers late, and that is not the trouble of a test."""
    return open_s3(address, tmp_path / "cache")


@pytest.fixture
def impatient(address: BucketAddress, tmp_path: Path) -> S3Storage:
    """The same bucket for somebody who gives up after seconds."""
    with pytest.MonkeyPatch.context() as patch:
        short_of_patience(patch)
        return open_s3(address, tmp_path / "another cache")


def short_of_patience(patch: pytest.MonkeyPatch) -> None:
    """Buckets that are opened now give up after two seconds."""
    for name in ("RETRY_SECONDS", "REQUEST_SECONDS", "LOOK_SECONDS", "SILENT_SECONDS"):
        patch.setattr(f"ml_training.storage.bucket.{name}", 2)


@pytest.mark.parametrize("kind", ONCE)
def test_what_happens_once_is_repeated(storage: S3Storage, proxy: S3Proxy, kind: str) -> None:
    with proxy.troubled(first(1, ONCE[kind])):
        stored = storage.put_bytes(ObjectKind.UPLOAD, DATA)
    assert storage.verify(stored.key, stored.sha256)
    for call in (
        lambda: storage.read_bytes(stored.key, sha256=stored.sha256) == DATA,
        lambda: storage.has(stored.key),
        # A list that was cut cannot be continued everywhere: the sweeper begins anew the next time.
        lambda: kind == "answer cut" or dict(storage.list_keys()).keys() == {stored.key},
        lambda: storage.delete(stored.key),
    ):
        with proxy.troubled(first(1, ONCE[kind])):
            assert call()


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in LIKE_AWAY else ()) for kind in LASTING]
)
def test_what_lasts_is_an_error_of_the_storage_in_time(
    storage: S3Storage, impatient: S3Storage, proxy: S3Proxy, kind: str
) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, DATA)
    trouble, number = LASTING[kind]
    large = (bytes(1 << 20) for _ in range(10))
    calls: dict[str, Callable[[], object]] = {
        "identity": impatient.identity,
        "put": lambda: impatient.put_bytes(ObjectKind.UPLOAD, b"new"),
        "put in parts": lambda: impatient.put_stream(ObjectKind.UPLOAD, large, limit_bytes=1 << 30),
        "read": lambda: impatient.read_bytes(stored.key, sha256=stored.sha256),
        "list": lambda: list(impatient.list_keys()),
    }
    with proxy.troubled(trouble):
        for name, call in calls.items():
            with pytest.raises(OSError, match=BUCKET) as failed:
                call()
            assert not isinstance(failed.value, FileNotFoundError), f"{name}: it would count as missing"
            assert failed.value.errno == number, (name, failed.value)
            assert len(str(failed.value)) < 500
    assert dict(storage.list_keys()).keys() == {stored.key}


def test_bytes_that_were_changed_on_the_way_are_never_used(storage: S3Storage, proxy: S3Proxy, tmp_path: Path) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, DATA)
    for trouble in (lie, shorten_answer):
        with proxy.troubled(trouble):
            with pytest.raises((IntegrityError, OSError)):
                storage.read_bytes(stored.key, sha256=stored.sha256)
            with pytest.raises((IntegrityError, OSError)), storage.local(stored.key):
                pass
        assert not [path for path in (tmp_path / "cache").iterdir() if path.is_file()], "nothing of it is kept"
    with proxy.troubled(first(1, lie)):
        assert storage.read_bytes(stored.key, sha256=stored.sha256) == DATA, "the second try was right"


def test_what_comes_back_with_other_bytes_on_its_way_to_its_name_is_not_stored(
    storage: S3Storage, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_training.storage.s3.MOST_COPIED_BYTES", PART_BYTES)
    chunks = (bytes(1 << 20) for _ in range(12))
    with proxy.troubled(lie), pytest.raises(OSError, match="came back with other bytes"):
        storage.put_stream(ObjectKind.UPLOAD, chunks, limit_bytes=1 << 30)
    assert list(storage.list_keys()) == []


def test_a_slow_line_is_no_trouble(storage: S3Storage, impatient: S3Storage, proxy: S3Proxy) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, os.urandom(3 << 20))
    with proxy.troubled(slow(1e6)):
        started = time.monotonic()
        assert impatient.verify(stored.key, stored.sha256)
    assert time.monotonic() - started > 2, "longer than any request may be silent"


@pytest.fixture
def service(
    rclone: S3Server, proxy: S3Proxy, tmp_path: Path, new_sqlite: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[InProcessService]:
    """API and worker over the bucket behind the proxy."""
    monkeypatch.setattr("ml_training.storage.bucket.RETRY_SECONDS", 2)
    settings = {
        "storage_url": f"s3://{BUCKET}/{rclone.address().prefix}",
        "s3_endpoint": f"http://127.0.0.1:{proxy.port}",
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": SECRET,
    }
    with InProcessService(tmp_path / "data", new_sqlite(), **settings) as service:
        yield service


def test_a_service_whose_bucket_is_away_waits_and_goes_on(service: InProcessService, proxy: S3Proxy) -> None:
    data = service.upload(generated_csv(300, 4), {"name": "data"})
    assert data["status"] == DatasetStatus.READY
    spec = {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": "lightgbm",
        "dataset_id": data["id"],
        "target": {"column": "target"},
        "params": {"n_estimators": 20},
    }
    with proxy.troubled(away):
        answer = service.client.post(f"{PREFIX}/jobs", json=spec)
        assert answer.status_code == 202, "the copy on this machine is enough to check it"
        assert service.work() == 0, "no worker claims a job that it could not store"
        status, problem = service.send_file(b"a,b\n1,2\n", {"name": "new"})
        assert (status, problem["title"]) == (503, "Service unavailable")
        assert "cannot be reached" in problem["detail"]
        status, _ = service.ask("/health/ready")
        assert status == 503
    job = service.get(f"/jobs/{answer.get_json()['id']}")
    assert (job["status"], job["attempt"]) == ("PENDING", 0)
    refuse_artifacts(proxy)
    attempts = service.work()  # on a slow machine it is due again at once
    job = service.get(f"/jobs/{job['id']}")
    assert (job["status"], job["attempt"]) == ("PENDING", attempts)
    assert attempts >= 1
    proxy.trouble = None
    eventually(lambda: service.work() == 1, what="it is due again")
    job = service.get(f"/jobs/{job['id']}")
    assert job["status"] == "COMPLETED", job["error"]
    assert service.violations() == []


def refuse_artifacts(proxy: S3Proxy) -> None:
    """The bucket is full when the model is to be stored."""

    def trouble(exchange: object) -> None:
        is_artifact = exchange.method == "PUT" and "/artifacts/" in exchange.path  # type: ignore[attr-defined]
        (refusing(507, "QuotaExceeded") if is_artifact else first(0, away))(exchange)  # type: ignore[arg-type]

    proxy.trouble = trouble


def test_a_second_job_on_the_same_data_fetches_nothing(service: InProcessService, proxy: S3Proxy) -> None:
    data = service.upload(generated_csv(300, 4), {"name": "data"})
    fetched = []
    for seed in (1, 2):
        spec = {
            "job_type": "TRAIN",
            "model_name": "m",
            "model_type": "random_forest",
            "dataset_id": data["id"],
            "target": {"column": "target"},
            "random_state": seed,
        }
        proxy.requests.clear()
        assert service.client.post(f"{PREFIX}/jobs", json=spec).status_code == 202
        assert service.work() == 1
        fetched.append([path for method, path in proxy.requests if method == "GET" and "/identity" not in path])
    assert fetched[1] == []
