"""The contract of a storage backend: what every implementation of `Storage` must do, through the interface only."""

import hashlib
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_training.domain.errors import TooLarge
from ml_training.storage.base import IntegrityError, MissingObjectError, ObjectKind, Storage, checked_key, key_of
from ml_training.storage.local import LocalStorage
from tests.support.s3_server import S3Server, open_s3

YOUNGER_THAN_NOW = -1.0  # every age in seconds is above it


@pytest.fixture(params=["local", "moto", "rclone"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage; each test runs once for each backend."""
    return new_storage(request, tmp_path)


@pytest.fixture(params=["local", "moto"])
def storage_with_conditions(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage that can write unless something is there; a bucket of rclone cannot."""
    return new_storage(request, tmp_path)


def new_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of the backend that the fixture's parameter names."""
    if request.param == "local":
        return LocalStorage(tmp_path / "storage")
    server: S3Server = request.getfixturevalue(request.param)
    return open_s3(server.address(), tmp_path / "cache")


def put_directory(storage: Storage, **files: bytes) -> str:
    """Store a directory of files; returns its key."""
    with storage.scratch() as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        return storage.put_directory(ObjectKind.INDEX, directory).key


def content(storage: Storage, key: str) -> dict[str, bytes]:
    """The files of a stored directory by name."""
    with storage.local(key) as path:
        return {file.name: file.read_bytes() for file in path.iterdir()}


def keys(storage: Storage) -> set[str]:
    """The keys of every object."""
    return {key for key, _ in storage.list_keys()}


def test_the_first_id_of_a_storage_is_never_replaced(storage: Storage) -> None:
    assert storage.identity() is None
    assert storage.ensure_identity("first") == "first"
    assert storage.ensure_identity("second") == "first"
    assert storage.identity() == "first"
    assert keys(storage) == set()
    assert storage.place


def test_of_threads_that_give_an_id_at_once_one_wins(storage_with_conditions: Storage) -> None:
    storage = storage_with_conditions
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(storage.ensure_identity, [f"id-{number}" for number in range(32)]))
    assert set(found) == {storage.identity()}


def test_an_object_is_there_once_it_was_put(storage: Storage) -> None:
    assert not storage.has(key_of(ObjectKind.ARTIFACT, "0" * 64))
    assert storage.has(storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key)


def test_a_missing_object_is_told_from_a_damaged_one(storage: Storage) -> None:
    with pytest.raises(MissingObjectError):
        storage.read_bytes(key_of(ObjectKind.ARTIFACT, "0" * 64), sha256="0" * 64)


def test_what_was_put_is_read_back_by_its_hash(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert stored.sha256 == hashlib.sha256(b"a model").hexdigest()
    assert stored.key == f"artifacts/{stored.sha256[:2]}/{stored.sha256}"
    assert stored.size == 7
    assert storage.read_bytes(stored.key, sha256=stored.sha256) == b"a model"
    assert storage.verify(stored.key, stored.sha256)


def test_a_stream_and_its_bytes_are_the_same_object(storage: Storage) -> None:
    streamed = storage.put_stream(ObjectKind.UPLOAD, iter([b"a,b\n", b"", b"1,2\n"]), limit_bytes=8)
    assert streamed == storage.put_bytes(ObjectKind.UPLOAD, b"a,b\n1,2\n")
    assert keys(storage) == {streamed.key}


def test_a_file_is_on_this_machine_inside_the_block(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.UPLOAD, b"a,b\n")
    with storage.local(stored.key) as path:
        assert path.read_bytes() == b"a,b\n"


def test_the_same_content_again_has_the_same_key(storage: Storage) -> None:
    first = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert storage.put_bytes(ObjectKind.ARTIFACT, b"a model") == first
    assert keys(storage) == {first.key}


def test_a_stream_over_the_limit_is_refused_before_it_is_read_to_the_end(storage: Storage) -> None:
    seen = []

    def endless() -> Iterator[bytes]:
        while True:
            seen.append(1)
            yield b"x" * 1000

    with pytest.raises(TooLarge, match="2,500"):
        storage.put_stream(ObjectKind.UPLOAD, endless(), limit_bytes=2_500)
    assert len(seen) == 3
    assert keys(storage) == set()


def test_a_client_that_disconnects_leaves_no_object(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.put_stream(ObjectKind.UPLOAD, broken(), limit_bytes=100)
    assert keys(storage) == set()


def test_a_missing_object_is_an_error_of_integrity_and_has_no_local_file(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert storage.delete(stored.key)
    with pytest.raises(IntegrityError):
        storage.read_bytes(stored.key, sha256=stored.sha256)
    with pytest.raises(FileNotFoundError), storage.local(stored.key):
        pass
    assert not storage.verify(stored.key, stored.sha256)


def test_bytes_of_another_hash_are_not_returned(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    with pytest.raises(IntegrityError):
        storage.read_bytes(stored.key, sha256="0" * 64)
    assert not storage.verify(stored.key, "0" * 64)


def test_a_directory_is_stored_whole_and_its_hash_does_not_depend_on_where_it_was_made(storage: Storage) -> None:
    with storage.scratch() as directory:
        (directory / "b.npy").write_bytes(b"22")
        (directory / "a.npy").write_bytes(b"1")
        stored = storage.put_directory(ObjectKind.INDEX, directory)
        assert not directory.exists()
    assert stored.size == 3
    lines = "".join(
        f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in (("a.npy", b"1"), ("b.npy", b"22"))
    )
    assert stored.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert content(storage, stored.key) == {"a.npy": b"1", "b.npy": b"22"}
    assert storage.verify(stored.key, stored.sha256)
    assert put_directory(storage, **{"a.npy": b"1", "b.npy": b"22"}) == stored.key
    assert put_directory(storage, **{"b.npy": b"1", "a.npy": b"22"}) != stored.key


def test_scratch_is_empty_and_gone_after_the_block(storage: Storage) -> None:
    with storage.scratch() as directory:
        assert list(directory.iterdir()) == []
        (directory / "half").write_bytes(b"1")
    assert not directory.exists()


def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(storage: Storage) -> None:
    for key in (storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key, put_directory(storage, a=b"1")):
        assert storage.delete(key)
        assert not storage.delete(key)
    assert keys(storage) == set()


def test_the_listing_names_every_object_with_its_age(storage: Storage) -> None:
    stored = {storage.put_bytes(ObjectKind.UPLOAD, b"a file").key, put_directory(storage, a=b"1")}
    with storage.scratch():
        listed = dict(storage.list_keys())
    assert set(listed) == stored
    assert all(0 <= age < 60 for age in listed.values())


def test_deleting_by_age_keeps_what_is_younger(storage: Storage) -> None:
    key = storage.put_bytes(ObjectKind.UPLOAD, b"a file").key
    assert not storage.delete(key, older_than=3_600)
    assert keys(storage) == {key}
    assert storage.delete(key, older_than=YOUNGER_THAN_NOW)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "uploads",
        "../etc/passwd",
        "uploads/../../etc",
        "uploads/ab/abc",
        "models/aa/" + "a" * 64,
        "uploads/ab/" + "a" * 64,
        "/uploads/aa/" + "a" * 64,
        "uploads/aa/" + "a" * 64 + "\n",
        "uploads/aa/" + "A" * 64,
    ],
)
def test_a_text_that_is_no_key_never_becomes_a_path(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"), storage.local(key):
        pass


def test_only_known_kinds_become_keys(storage: Storage) -> None:
    with pytest.raises(ValueError, match="not a valid ObjectKind"):
        storage.put_bytes("../uploads", b"")
    with pytest.raises(ValueError, match="not a storage key"):
        key_of(ObjectKind.UPLOAD, "../../etc/passwd")
    assert checked_key(key_of("uploads", "a" * 64)) == "uploads/aa/" + "a" * 64


def test_free_space_is_known_before_the_first_object_or_has_no_limit(storage: Storage) -> None:
    free = storage.free_bytes()
    assert free is None or free > 0


def test_a_signed_address_gives_a_file_and_nothing_else(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    address = storage.signed_url(stored.key, seconds=60)
    if isinstance(storage, LocalStorage):
        assert address is None, "a directory is on no other machine"
        return
    assert address is not None
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert answer.read() == b"a model"
    directory = put_directory(storage, one=b"1")
    assert storage.signed_url(directory, seconds=60) is None
    with pytest.raises(ValueError, match="not a storage key"):
        storage.signed_url("artifacts/../secret", seconds=60)
