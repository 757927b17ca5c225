"""A bucket as the storage: what its server answers is told in one line, and nothing but the right bytes is used."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import obstore
import pytest

from ml_training.db.engine import Database
from ml_training.db.storage_identity import read_identity
from ml_training.process.storage_check import StorageCheck
from ml_training.storage.base import IntegrityError, ObjectKind
from ml_training.storage.bucket import PART_BYTES, Bucket, BucketAddress
from ml_training.storage.s3 import S3Storage
from tests.support.s3_server import SECRET, S3Server, open_s3

DATA = b"a,b\n" + b"1,2\n" * 1_000


@pytest.fixture
def address(rclone: S3Server) -> BucketAddress:
    """An empty place in a bucket."""
    return rclone.address()


@pytest.fixture
def storage(address: BucketAddress, tmp_path: Path) -> S3Storage:
    return open_s3(address, tmp_path / "cache")


def objects(storage: S3Storage) -> set[str]:
    """Every object below the prefix, also those that are no object of the storage."""
    return {found.path for found in storage._bucket.list("")}


def replace_in_bucket(storage: S3Storage, path: str, data: bytes) -> None:
    """As somebody does who can write to the bucket."""
    obstore.put(storage._bucket._store, path, data)


def copies(root: Path) -> list[Path]:
    """The files that a machine keeps."""
    return [path for path in root.iterdir() if path.is_file()]


def put_index(storage: S3Storage, size: int = 1_000) -> str:
    with storage.scratch() as directory:
        (directory / "index.npz").write_bytes(b"x" * size)
        (directory / "notes").write_bytes(b"y")
        return storage.put_directory(ObjectKind.INDEX, directory).key


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret_access_key": "w" * 40}, "the key id or its secret is wrong: correct ML_TRAINING_S3_ACCESS_KEY_ID"),
        ({"access_key_id": "AKIANOBODY"}, "the key id or its secret is wrong"),
        ({"bucket": "no-such-bucket"}, "there is no such bucket: create it, or correct ML_TRAINING_STORAGE_URL"),
        ({"endpoint": "http://127.0.0.1:1"}, "the server cannot be reached: start it, or correct ML_TRAINING_S3_ENDP"),
    ],
    ids=["secret", "key", "bucket", "endpoint"],
)
def test_what_is_wrong_is_said_in_one_line_with_the_remedy(
    address: BucketAddress, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    wrong = replace(address, **changes)
    storage = open_s3(wrong, tmp_path / "cache")
    with pytest.raises(OSError, match=said) as refused:
        storage.identity()
    text = str(refused.value)
    assert "\n" not in text
    assert wrong.place in text
    assert SECRET not in text
    assert wrong.secret_access_key not in repr(wrong)
    with pytest.raises(OSError, match=wrong.bucket):
        storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert not isinstance(refused.value, FileNotFoundError), "it would be taken for an empty storage"


def test_what_is_set_wins_over_the_variables_of_aws(
    address: BucketAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "of-another-key",
        "AWS_ACCESS_KEY_ID": "AKIANOBODY",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_REGION": "eu-nowhere-1",
    }.items():
        monkeypatch.setenv(name, value)
    storage = open_s3(address, tmp_path / "cache")
    assert storage.ensure_identity("one") == "one"
    stored = storage.put_bytes(ObjectKind.UPLOAD, DATA)
    assert storage.verify(stored.key, stored.sha256)


@pytest.mark.parametrize("server", ["moto", "rclone"])
def test_a_large_stream_is_uploaded_in_parts_and_leaves_nothing_else(
    request: pytest.FixtureRequest, tmp_path: Path, server: str
) -> None:
    found: S3Server = request.getfixturevalue(server)
    storage, part = open_s3(found.address(), tmp_path / "cache"), os.urandom(1 << 20)
    stored = storage.put_stream(ObjectKind.UPLOAD, (part for _ in range(20)), limit_bytes=1 << 30)
    assert stored.size == 20 << 20 > 2 * PART_BYTES
    assert objects(storage) == {stored.key}
    assert storage.verify(stored.key, stored.sha256)
    assert storage.put_bytes(ObjectKind.UPLOAD, part * 20) == stored
    with storage.local(stored.key) as path:
        assert path.read_bytes() == part * 20


def test_what_the_server_cannot_copy_at_once_goes_through_this_process(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_training.storage.s3.MOST_COPIED_BYTES", PART_BYTES)
    stored = storage.put_stream(ObjectKind.PREDICTION, (bytes(1 << 20) for _ in range(12)), limit_bytes=1 << 30)
    assert objects(storage) == {stored.key}
    assert storage.verify(stored.key, stored.sha256)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(storage: S3Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield from (bytes(1 << 20) for _ in range(12))
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        storage.put_stream(ObjectKind.UPLOAD, broken(), limit_bytes=1 << 30)
    assert objects(storage) == set()


def test_the_second_reader_on_a_machine_fetches_nothing(
    storage: S3Storage, address: BucketAddress, tmp_path: Path
) -> None:
    key, sha256 = storage.put_bytes(ObjectKind.UPLOAD, DATA).key, ""
    first, second = (open_s3(address, tmp_path / "another machine") for _ in range(2))
    for reader in (first, first, second):
        with reader.local(key) as path:
            assert path.read_bytes() == DATA
        sha256 = key.rpartition("/")[2]
        assert reader.verify_local(key, sha256)
        assert reader.read_bytes(key, sha256=sha256) == DATA
    assert (first.fetched, second.fetched) == (1, 0)


def test_readers_that_want_the_same_file_at_once_fetch_it_once(
    storage: S3Storage, address: BucketAddress, tmp_path: Path
) -> None:
    key = storage.put_bytes(ObjectKind.UPLOAD, os.urandom(4 << 20)).key
    readers = [open_s3(address, tmp_path / "another machine") for _ in range(6)]
    start = threading.Barrier(len(readers))

    def read(reader: S3Storage) -> int:
        start.wait(60)
        with reader.local(key) as path:
            return path.stat().st_size

    with ThreadPoolExecutor(len(readers)) as threads:
        assert set(threads.map(read, readers)) == {4 << 20}
    assert sum(reader.fetched for reader in readers) == 1


def test_an_index_that_was_made_here_is_not_fetched(storage: S3Storage, address: BucketAddress, tmp_path: Path) -> None:
    key = put_index(storage)
    with storage.local(key) as path:
        assert {file.name for file in path.iterdir()} == {"index.npz", "notes"}
    assert storage.fetched == 0
    elsewhere = open_s3(address, tmp_path / "another machine")
    with elsewhere.local(key) as path:
        assert (path / "notes").read_bytes() == b"y"
    assert elsewhere.fetched == 3


@pytest.mark.parametrize("before", [b"", b"x" * (len(DATA) - 1), DATA[:-1] + b"?", DATA + b"\n"])
def test_a_damaged_copy_is_fetched_again(storage: S3Storage, tmp_path: Path, before: bytes) -> None:
    stored = storage.put_bytes(ObjectKind.UPLOAD, DATA)
    assert storage.verify_local(stored.key, stored.sha256)
    [copy] = copies(tmp_path / "cache")
    copy.write_bytes(before)
    assert storage.verify_local(stored.key, stored.sha256)
    assert storage.read_bytes(stored.key, sha256=stored.sha256) == DATA
    assert storage.fetched == 2


def test_a_copy_that_was_damaged_by_a_power_cut_is_not_mapped(
    storage: S3Storage, address: BucketAddress, tmp_path: Path
) -> None:
    key = put_index(storage)
    with storage.local(key):
        pass
    for copy in copies(tmp_path / "cache"):
        copy.write_bytes(bytes(copy.stat().st_size))
    with open_s3(address, tmp_path / "cache").local(key) as path:  # another process: this one has compared them
        assert (path / "index.npz").read_bytes() == b"x" * 1_000


def test_work_on_a_copy_that_was_damaged_meanwhile_is_void(storage: S3Storage, tmp_path: Path) -> None:
    stored = storage.put_bytes(ObjectKind.UPLOAD, DATA)
    with storage.local(stored.key):
        [copy] = copies(tmp_path / "cache")
        copy.write_bytes(b"others")
        with pytest.raises(OSError, match="damaged while it was used") as void:
            storage.verify_local(stored.key, stored.sha256)
        assert not isinstance(void.value, FileNotFoundError)
    assert storage.verify_local(stored.key, stored.sha256)


def test_a_wrong_object_in_the_bucket_is_never_used(storage: S3Storage, tmp_path: Path) -> None:
    file, index = storage.put_bytes(ObjectKind.UPLOAD, DATA), put_index(storage)
    for path in objects(storage):
        replace_in_bucket(storage, path, b"0" * 64 + b" ../../outside\n")
    for copy in copies(tmp_path / "cache"):
        copy.unlink()
    for key in (file.key, index):
        with pytest.raises(IntegrityError), storage.local(key):
            pass
        sha256 = key.rpartition("/")[2]
        assert not storage.verify(key, sha256)
        assert not storage.verify_local(key, sha256)
        assert storage.has(key)
    with pytest.raises(IntegrityError):
        storage.read_bytes(file.key, sha256=file.sha256)
    assert copies(tmp_path / "cache") == []
    assert storage.put_bytes(ObjectKind.UPLOAD, DATA) == file
    assert storage.verify(file.key, file.sha256), "storing it again repairs it"


def test_a_directory_without_its_manifest_is_not_there_and_is_swept(
    storage: S3Storage, address: BucketAddress, tmp_path: Path
) -> None:
    key, whole = put_index(storage), put_index(storage, size=2_000)
    storage._bucket.delete(f"{key}/manifest")
    assert not storage.has(key)
    assert {name for name, _ in storage.list_keys()} == {whole}
    with pytest.raises(FileNotFoundError), open_s3(address, tmp_path / "another machine").local(key):
        pass
    assert storage.sweep_scratch(older_than=3_600) == 0
    assert storage.sweep_scratch(older_than=-1.0) == 2
    assert objects(storage) == {f"{whole}/manifest", f"{whole}/files/index.npz", f"{whole}/files/notes"}
    assert storage.verify(whole, whole.rpartition("/")[2])


def test_a_directory_of_which_a_sweeper_took_files_is_not_stored(
    storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its manifest is there they look like those of a killed process."""
    put = storage._bucket.put

    def late(path: str, data: bytes) -> None:
        if path.endswith("/manifest"):
            assert storage.sweep_scratch(older_than=-1.0) == 2
        put(path, data)

    monkeypatch.setattr(storage._bucket, "put", late)
    with pytest.raises(OSError, match="are not there after they were stored"):
        put_index(storage)


def test_of_machines_that_begin_at_once_all_agree_on_one_storage(
    database: Database, address: BucketAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server replaces what is there, so the database decides. Who would write an id waits for a second one."""
    both, has_begun, create = threading.Barrier(2), threading.Event(), Bucket.create

    def create_together(bucket: Bucket, path: str, data: bytes) -> None:
        with suppress(threading.BrokenBarrierError):
            if both.wait(2):
                has_begun.wait(60)
        create(bucket, path, data)

    monkeypatch.setattr(Bucket, "create", create_together)
    checks = [StorageCheck(database, open_s3(address, tmp_path / f"machine-{number}")) for number in range(8)]
    start = threading.Barrier(len(checks))

    def begin(check: StorageCheck) -> str | None:
        start.wait(60)
        try:
            return check.trouble(may_begin=True)
        finally:
            has_begun.set()

    with ThreadPoolExecutor(len(checks)) as threads:
        assert set(threads.map(begin, checks)) == {None}
    with database.read() as connection:
        assert read_identity(connection) == open_s3(address, tmp_path / "late").identity() is not None
