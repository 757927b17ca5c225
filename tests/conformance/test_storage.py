"""What every store of bytes must do, whatever it is made of."""

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.domain.errors import TooLarge
from ml_training.storage.base import IntegrityError, ObjectKind, Storage, checked_key, key_of
from ml_training.storage.local import LocalStorage

PUT_MANY = """
import sys
from pathlib import Path
from ml_training.storage.local import LocalStorage
storage = LocalStorage(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(40):
    print(storage.put_bytes("artifacts", b"content %d" % number * 1000).key)
    with storage.scratch() as directory:
        (directory / "a.npy").write_bytes(b"array %d" % number)
        print(storage.put_directory("indexes", directory).key)
"""


@pytest.fixture(params=[LocalStorage])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    made: Storage = request.param(tmp_path / "storage")
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "storage"


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def make_old(storage: Storage, key: str) -> None:
    os.utime(storage.path(key), (1_000_000, 1_000_000))


def put_directory(storage: Storage, **files: bytes) -> str:
    with storage.scratch() as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        return storage.put_directory(ObjectKind.INDEX, directory).key


def test_what_was_put_is_read_back_by_its_hash(storage: Storage) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert stored.sha256 == hashlib.sha256(b"a model").hexdigest()
    assert stored.key == f"artifacts/{stored.sha256[:2]}/{stored.sha256}"
    assert stored.size == 7
    assert storage.read_bytes(stored.key, sha256=stored.sha256) == b"a model"
    assert storage.verify(stored.key, stored.sha256)


def test_a_stream_and_its_bytes_are_the_same_object(storage: Storage, root: Path) -> None:
    streamed = storage.put_stream(ObjectKind.UPLOAD, iter([b"a,b\n", b"", b"1,2\n"]), limit_bytes=8)
    assert streamed == storage.put_bytes(ObjectKind.UPLOAD, b"a,b\n1,2\n")
    assert files_below(root) == [streamed.key]


def test_the_same_content_again_writes_nothing_and_restarts_its_age(storage: Storage) -> None:
    key = storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key
    inode = storage.path(key).stat().st_ino
    make_old(storage, key)
    assert storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key == key
    assert storage.path(key).stat().st_ino == inode
    assert dict(storage.list_keys())[key] < 60


def test_the_same_content_again_mends_what_was_damaged(storage: Storage) -> None:
    file = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    storage.path(file.key).write_bytes(b"a mOdel")
    assert storage.put_bytes(ObjectKind.ARTIFACT, b"a model") == file
    assert storage.read_bytes(file.key, sha256=file.sha256) == b"a model"
    key = put_directory(storage, a=b"1", b=b"2")
    (storage.path(key) / "a").write_bytes(b"3")
    assert put_directory(storage, a=b"1", b=b"2") == key
    assert {path.name: path.read_bytes() for path in storage.path(key).iterdir()} == {"a": b"1", "b": b"2"}


def test_a_stream_over_the_limit_is_refused_before_it_is_read_to_the_end(storage: Storage, root: Path) -> None:
    seen = []

    def endless() -> Iterator[bytes]:
        while True:
            seen.append(1)
            yield b"x" * 1000

    with pytest.raises(TooLarge, match="2,500"):
        storage.put_stream(ObjectKind.UPLOAD, endless(), limit_bytes=2_500)
    assert len(seen) == 3
    assert files_below(root) == []


def test_a_client_that_goes_away_leaves_nothing(storage: Storage, root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.put_stream(ObjectKind.UPLOAD, broken(), limit_bytes=100)
    assert files_below(root) == []


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_step_that_fails_leaves_nothing(
    storage: Storage, root: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with storage.scratch() as directory:  # the store's own directories exist
        (directory / "a").write_bytes(b"1")
        monkeypatch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space"):
            storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
        with pytest.raises(OSError, match="No space"):
            storage.put_directory(ObjectKind.INDEX, directory)
    assert files_below(root) == []


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_answer(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put_bytes(ObjectKind.ARTIFACT, b"makes the directories")
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recording_fsync(descriptor: int) -> None:
        steps.append("fsync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        fsync(descriptor)

    def recording_replace(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    assert steps[0] == "fsync file"
    assert steps[-2:] == ["rename", "fsync directory"]
    steps.clear()
    put_directory(storage, a=b"1", b=b"2")
    assert steps[:3] == ["fsync file", "fsync file", "fsync directory"]
    assert steps[-2:] == ["rename", "fsync directory"]


@pytest.mark.parametrize("damage", [b"a mOdel", b"a mod", b"", None])
def test_damaged_bytes_are_never_handed_out(storage: Storage, damage: bytes | None) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    if damage is None:
        storage.path(stored.key).unlink()
    else:
        storage.path(stored.key).write_bytes(damage)
    with pytest.raises(IntegrityError):
        storage.read_bytes(stored.key, sha256=stored.sha256)
    assert not storage.verify(stored.key, stored.sha256)


def test_a_directory_is_adopted_whole_and_its_hash_does_not_depend_on_where_it_was_made(storage: Storage) -> None:
    with storage.scratch() as directory:
        (directory / "b.npy").write_bytes(b"22")
        (directory / "a.npy").write_bytes(b"1")
        stored = storage.put_directory(ObjectKind.INDEX, directory)
        assert not directory.exists()
    assert stored.size == 3
    assert (storage.path(stored.key) / "b.npy").read_bytes() == b"22"
    assert storage.verify(stored.key, stored.sha256)
    assert put_directory(storage, **{"a.npy": b"1", "b.npy": b"22"}) == stored.key
    assert put_directory(storage, **{"b.npy": b"1", "a.npy": b"22"}) != stored.key


def test_a_changed_renamed_or_added_file_breaks_the_hash_of_a_directory(storage: Storage) -> None:
    key = put_directory(storage, a=b"1", b=b"2")
    sha256 = key.rsplit("/", 1)[1]
    (storage.path(key) / "b").write_bytes(b"3")
    assert not storage.verify(key, sha256)
    (storage.path(key) / "b").write_bytes(b"2")
    assert storage.verify(key, sha256)
    (storage.path(key) / "c").write_bytes(b"")
    assert not storage.verify(key, sha256)


def test_scratch_is_empty_in_the_same_file_system_and_gone_afterwards(storage: Storage, root: Path) -> None:
    with storage.scratch() as directory:
        assert list(directory.iterdir()) == []
        assert directory.stat().st_dev == root.stat().st_dev
        (directory / "half").write_bytes(b"1")
    assert not directory.exists()


def test_what_a_killed_process_left_in_scratch_is_swept_by_age(storage: Storage, root: Path) -> None:
    with storage.scratch() as alive, storage.scratch() as lost:
        os.utime(lost, (1_000_000, 1_000_000))
        assert storage.sweep_scratch(older_than=3_600) == 1
        assert alive.exists()
        assert not lost.exists()


def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(storage: Storage) -> None:
    for key in (storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key, put_directory(storage, a=b"1")):
        assert storage.delete(key)
        assert not storage.path(key).exists()
        assert not storage.delete(key)
    assert list(storage.list_keys()) == []


def test_the_listing_names_every_object_with_its_age_and_nothing_else(storage: Storage, root: Path) -> None:
    young = storage.put_bytes(ObjectKind.UPLOAD, b"a file").key
    old = put_directory(storage, a=b"1")
    make_old(storage, old)
    (storage.path(young).parent / "notes.txt").write_text("somebody's own file")
    with storage.scratch():
        listed = dict(storage.list_keys())
    assert set(listed) == {young, old}
    assert listed[young] < 60 < 3_600 < listed[old]


def test_the_sweeper_removes_old_objects_only(storage: Storage) -> None:
    key = storage.put_bytes(ObjectKind.UPLOAD, b"a file").key
    assert not storage.delete(key, older_than=3_600)
    make_old(storage, key)
    assert storage.delete(key, older_than=3_600)


def test_a_put_in_the_middle_of_a_sweep_keeps_its_object(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = storage.put_bytes(ObjectKind.UPLOAD, b"a file")
    make_old(storage, stored.key)
    rename = Path.rename

    def put_then_rename(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        storage.put_bytes(ObjectKind.UPLOAD, b"a file")  # another process, after the sweeper saw an old object
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", put_then_rename)
    assert not storage.delete(stored.key, older_than=3_600)
    assert storage.read_bytes(stored.key, sha256=stored.sha256) == b"a file"


@pytest.mark.parametrize(
    "key",
    ["", "uploads", "../etc/passwd", "uploads/../../etc", "uploads/ab/abc", "models/aa/" + "a" * 64,
     "uploads/ab/" + "a" * 64, "/uploads/aa/" + "a" * 64, "uploads/aa/" + "a" * 64 + "\n", "uploads/aa/" + "A" * 64],
)  # fmt: skip
def test_only_keys_that_the_store_makes_become_paths(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        storage.path(key)


def test_only_known_kinds_become_keys(storage: Storage) -> None:
    with pytest.raises(ValueError, match="not a valid Kind"):
        storage.put_bytes("../uploads", b"")
    with pytest.raises(ValueError, match="not a storage key"):
        key_of(ObjectKind.UPLOAD, "../../etc/passwd")
    assert checked_key(key_of("uploads", "a" * 64)) == "uploads/aa/" + "a" * 64


def test_two_processes_that_put_the_same_content_at_once_agree(storage: Storage, root: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", PUT_MANY, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 80
    assert {key for key, _ in storage.list_keys()} == set(outputs[0])
    assert all(storage.verify(key, key.rsplit("/", 1)[1]) for key in outputs[0])
    assert not any((root / "scratch").iterdir())


def test_free_space_is_known_before_anything_was_stored(storage: Storage) -> None:
    assert storage.free_bytes() > 0
