"""The storage in a directory: what is true of its files, inodes and system calls, beyond the storage contract."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.storage.base import IntegrityError, ObjectKind
from ml_training.storage.local import LocalStorage
from tests.support.stored_files import stored_path

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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the storage."""
    return tmp_path / "storage"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    """An empty storage."""
    return LocalStorage(root)


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def make_old(storage: LocalStorage, key: str) -> None:
    os.utime(stored_path(storage, key), (1_000_000, 1_000_000))


def put_directory(storage: LocalStorage, **files: bytes) -> str:
    with storage.scratch() as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        return storage.put_directory(ObjectKind.INDEX, directory).key


def test_the_same_content_again_writes_nothing_and_restarts_its_age(storage: LocalStorage) -> None:
    key = storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key
    inode = stored_path(storage, key).stat().st_ino
    make_old(storage, key)
    assert storage.put_bytes(ObjectKind.ARTIFACT, b"a model").key == key
    assert stored_path(storage, key).stat().st_ino == inode
    assert dict(storage.list_keys())[key] < 60


def test_the_same_content_again_replaces_damaged_bytes(storage: LocalStorage) -> None:
    file = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    stored_path(storage, file.key).write_bytes(b"a mOdel")
    assert storage.put_bytes(ObjectKind.ARTIFACT, b"a model") == file
    assert storage.read_bytes(file.key, sha256=file.sha256) == b"a model"
    key = put_directory(storage, a=b"1", b=b"2")
    (stored_path(storage, key) / "a").write_bytes(b"3")
    assert put_directory(storage, a=b"1", b=b"2") == key
    assert {path.name: path.read_bytes() for path in stored_path(storage, key).iterdir()} == {"a": b"1", "b": b"2"}


def test_a_client_that_goes_away_leaves_nothing(storage: LocalStorage, root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        storage.put_stream(ObjectKind.UPLOAD, broken(), limit_bytes=100)
    assert files_below(root) == []


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_step_that_fails_leaves_nothing(
    storage: LocalStorage, root: Path, step: str, monkeypatch: pytest.MonkeyPatch
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
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
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
def test_damaged_bytes_are_never_returned(storage: LocalStorage, damage: bytes | None) -> None:
    stored = storage.put_bytes(ObjectKind.ARTIFACT, b"a model")
    if damage is None:
        stored_path(storage, stored.key).unlink()
    else:
        stored_path(storage, stored.key).write_bytes(damage)
    with pytest.raises(IntegrityError):
        storage.read_bytes(stored.key, sha256=stored.sha256)
    assert not storage.verify(stored.key, stored.sha256)


def test_a_changed_renamed_or_added_file_breaks_the_hash_of_a_directory(storage: LocalStorage) -> None:
    key = put_directory(storage, a=b"1", b=b"2")
    sha256 = key.rsplit("/", 1)[1]
    (stored_path(storage, key) / "b").write_bytes(b"3")
    assert not storage.verify(key, sha256)
    (stored_path(storage, key) / "b").write_bytes(b"2")
    assert storage.verify(key, sha256)
    (stored_path(storage, key) / "c").write_bytes(b"")
    assert not storage.verify(key, sha256)


def test_scratch_is_empty_in_the_same_file_system_and_gone_afterwards(storage: LocalStorage, root: Path) -> None:
    with storage.scratch() as directory:
        assert list(directory.iterdir()) == []
        assert directory.stat().st_dev == root.stat().st_dev
        (directory / "half").write_bytes(b"1")
    assert not directory.exists()


def test_what_a_killed_process_left_in_scratch_is_swept_by_age(storage: LocalStorage, root: Path) -> None:
    with storage.scratch() as alive, storage.scratch() as lost:
        os.utime(lost, (1_000_000, 1_000_000))
        assert storage.sweep_scratch(older_than=3_600) == 1
        assert alive.exists()
        assert not lost.exists()


def test_the_listing_names_every_object_with_its_age_and_nothing_else(storage: LocalStorage, root: Path) -> None:
    young = storage.put_bytes(ObjectKind.UPLOAD, b"a file").key
    old = put_directory(storage, a=b"1")
    make_old(storage, old)
    (stored_path(storage, young).parent / "notes.txt").write_text("somebody's own file")
    with storage.scratch():
        listed = dict(storage.list_keys())
    assert set(listed) == {young, old}
    assert listed[young] < 60 < 3_600 < listed[old]


def test_the_sweeper_removes_old_objects_only(storage: LocalStorage) -> None:
    key = storage.put_bytes(ObjectKind.UPLOAD, b"a file").key
    assert not storage.delete(key, older_than=3_600)
    make_old(storage, key)
    assert storage.delete(key, older_than=3_600)


def test_a_put_in_the_middle_of_a_sweep_keeps_its_object(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_two_processes_that_put_the_same_content_at_once_agree(storage: LocalStorage, root: Path) -> None:
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


def test_a_file_system_without_hard_links_has_an_identity_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    storage = LocalStorage(tmp_path)
    assert storage.ensure_identity("first") == "first"
    assert storage.ensure_identity("second") == "first"
    assert storage.identity() == "first"
