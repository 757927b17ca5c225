"""The cache of files: what is damaged, foreign or half-written is never handed out; it stays small; it fails no job."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from ml_training.storage.file_cache import FileCache
from ml_training.storage.local import LocalStorage

KEY, OTHER = sha256(b"key").hexdigest(), sha256(b"other").hexdigest()
CONTENT = b"binned rows " * 1_000
ADD_AND_WAIT = """
import sys
from pathlib import Path
from ml_training.storage.file_cache import FileCache
with FileCache(Path(sys.argv[1]), limit_bytes=1 << 20, free_bytes=0).session() as session:
    session.add(sys.argv[2], lambda path: path.write_bytes(b"of another process"), about_bytes=18)
    print("added", flush=True)
    sys.stdin.readline()
    session.publish()
"""


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    """An empty cache of 1 MB."""
    return FileCache(tmp_path / "cache" / "binned", limit_bytes=1 << 20, free_bytes=0)


def add(cache: FileCache, key: str, content: bytes = CONTENT) -> None:
    with cache.session() as session:
        session.add(key, lambda path: _write(path, content), about_bytes=len(content))
        session.publish()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def found(cache: FileCache, key: str) -> bytes | None:
    """What a job reads: the content without the seal."""
    with cache.session() as session, session.find(key) as path:
        return None if path is None else path.read_bytes()[: len(CONTENT)]


def files(cache: FileCache) -> list[str]:
    return sorted(path.name for path in cache.root.rglob("*") if path.is_file())


def of_another_process(cache: FileCache, key: str) -> subprocess.Popen[str]:
    """A process that has added a file and publishes it when a line is sent to it."""
    command = [sys.executable, "-c", ADD_AND_WAIT, str(cache.root), key]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "added\n"
    return process


def published(process: subprocess.Popen[str]) -> bool:
    process.communicate("\n")
    return process.returncode == 0


def make_old(cache: FileCache, key: str, *, seconds: int) -> None:
    os.utime(cache.entry(key), (1_000_000 - seconds, 1_000_000 - seconds))


def test_what_was_published_is_found_by_every_later_job(cache: FileCache) -> None:
    assert found(cache, KEY) is None
    add(cache, KEY)
    assert found(cache, KEY) == CONTENT
    assert found(cache, OTHER) is None
    assert files(cache) == [KEY]


def test_what_was_not_published_is_gone(cache: FileCache) -> None:
    with cache.session() as session:
        session.add(KEY, lambda path: _write(path, CONTENT), about_bytes=len(CONTENT))
        assert found(cache, KEY) is None
    assert files(cache) == []


def _flip(at: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)

    return damage


DAMAGE: dict[str, Callable[[Path], None]] = {
    "first byte flipped": _flip(0),
    "byte in the middle flipped": _flip(len(CONTENT) // 2),
    "key flipped": _flip(-100),
    "hash flipped": _flip(-10),
    "last byte flipped": _flip(-1),
    "one byte cut off": lambda path: os.truncate(path, path.stat().st_size - 1),
    "seal cut off": lambda path: os.truncate(path, len(CONTENT)),
    "cut in the middle": lambda path: os.truncate(path, len(CONTENT) // 2),
    "empty": lambda path: os.truncate(path, 0),
    "one byte too many": lambda path: _write(path, path.read_bytes() + b"x"),
    "zeros after a power cut": lambda path: _write(path, bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_not_handed_out_but_removed_and_made_again(cache: FileCache, kind: str) -> None:
    add(cache, KEY)
    DAMAGE[kind](cache.entry(KEY))
    assert found(cache, KEY) is None
    assert files(cache) == []
    add(cache, KEY)
    assert found(cache, KEY) == CONTENT


@pytest.mark.parametrize("seal", [True, False], ids=["of another key", "not of this cache"])
def test_a_foreign_file_under_the_right_name_is_not_handed_out(cache: FileCache, *, seal: bool) -> None:
    add(cache, OTHER)
    other = cache.entry(OTHER)
    if not seal:
        _write(other, CONTENT)
    other.rename(cache.entry(KEY))
    assert found(cache, KEY) is None
    assert files(cache) == []


@pytest.mark.parametrize("key", ["", "../../etc/passwd", KEY.upper(), KEY + "\n"])
def test_a_text_that_is_no_hash_becomes_no_path(cache: FileCache, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        cache.entry(key)


def test_a_killed_writer_leaves_nothing_behind(cache: FileCache) -> None:
    writer = of_another_process(cache, KEY)
    [directory] = (cache.root / "sessions").iterdir()
    os.utime(directory, (1_000_000, 1_000_000))
    assert found(cache, KEY) is None
    assert files(cache) == [KEY], "a living process keeps its files, however old they are"
    assert directory.exists()
    writer.kill()
    writer.communicate()
    assert found(cache, KEY) is None
    assert files(cache) == []
    assert not directory.exists()


def test_a_session_that_is_about_to_lock_its_directory_keeps_it(cache: FileCache) -> None:
    young = cache.root / "sessions" / "young"
    young.mkdir(parents=True)
    assert found(cache, KEY) is None
    assert young.exists()


def test_two_writers_of_one_key_at_once_leave_one_whole_file(cache: FileCache) -> None:
    writer = of_another_process(cache, KEY)
    with cache.session() as session:
        session.add(KEY, lambda path: _write(path, CONTENT), about_bytes=len(CONTENT))
        assert published(writer)
        session.publish()
    assert found(cache, KEY) == CONTENT
    assert files(cache) == [KEY]


def test_a_file_is_there_while_it_is_read_whoever_removes_or_replaces_it(cache: FileCache) -> None:
    add(cache, KEY)
    with cache.session() as session, session.find(KEY) as path:
        assert path is not None
        cache.entry(KEY).unlink()
        add(cache, KEY, b"of another writer")
        assert path.read_bytes().startswith(CONTENT)


def test_the_entry_that_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, limit_bytes=3 * (len(CONTENT) + 500), free_bytes=0)
    keys = [sha256(b"%d" % number).hexdigest() for number in range(4)]
    for age, key in enumerate(keys[:3]):
        add(cache, key)
        make_old(cache, key, seconds=age)  # the first one is the youngest
    assert found(cache, keys[2]) == CONTENT, "now it was used"
    add(cache, keys[3])
    assert files(cache) == sorted([keys[0], keys[2], keys[3]])


def test_files_that_are_not_published_yet_count_too(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, limit_bytes=2 * (len(CONTENT) + 500), free_bytes=0)
    add(cache, KEY)
    with cache.session() as session:
        for number in range(3):
            key = sha256(b"%d" % number).hexdigest()
            session.add(key, lambda path: _write(path, CONTENT), about_bytes=len(CONTENT))
        assert len(session.added) == 2
        assert sum(path.stat().st_size for path in cache.root.rglob("*") if path.is_file()) <= cache.limit_bytes
        session.publish()
    assert len(files(cache)) == 2


def test_a_file_larger_than_the_cache_removes_nothing(cache: FileCache) -> None:
    add(cache, KEY)
    with cache.session() as session:
        session.add(OTHER, lambda path: _write(path, CONTENT), about_bytes=cache.limit_bytes + 1)
        session.publish()
    assert files(cache) == [KEY]


def test_a_file_that_becomes_larger_than_expected_is_not_kept(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, limit_bytes=1_000, free_bytes=0)
    with cache.session() as session:
        session.add(KEY, lambda path: _write(path, CONTENT), about_bytes=1)
        session.publish()
    assert files(cache) == []


def test_files_that_are_not_the_caches_are_left_alone(cache: FileCache) -> None:
    cache.root.mkdir(parents=True)
    foreign = cache.root / "notes.txt"
    foreign.write_bytes(b"x" * (1 << 20))
    add(cache, KEY)
    assert foreign.exists()
    assert found(cache, KEY) == CONTENT


def test_a_disk_that_is_nearly_full_is_left_to_others(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, limit_bytes=1 << 20, free_bytes=1 << 62)
    add(cache, KEY)
    assert files(cache) == []


def _fail(path: Path) -> None:
    path.write_bytes(CONTENT)
    raise OSError(28, os.strerror(28))


def test_a_write_that_fails_fails_no_job_and_leaves_nothing(cache: FileCache) -> None:
    with cache.session() as session:
        session.add(KEY, _fail, about_bytes=len(CONTENT))
        session.add(OTHER, lambda path: _write(path, CONTENT), about_bytes=len(CONTENT))
        session.publish()
    assert files(cache) == [OTHER]


def test_a_place_that_cannot_be_used_fails_no_job(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the directory should be")
    cache = FileCache(tmp_path / "cache", limit_bytes=1 << 20, free_bytes=0)
    add(cache, KEY)
    assert found(cache, KEY) is None


def test_a_cache_of_no_bytes_makes_no_directory(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", limit_bytes=0)
    add(cache, KEY)
    assert found(cache, KEY) is None
    assert not cache.root.exists()


def test_the_bytes_are_on_the_disk_before_the_name(cache: FileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    plain_fsync, plain_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        calls.append("fsync")
        plain_fsync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        calls.append("rename")
        return plain_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    add(cache, KEY)
    assert calls == ["fsync", "rename", "fsync"]


def test_the_sweeper_of_the_storage_does_not_see_the_cache(tmp_path: Path) -> None:
    cache, storage = FileCache(tmp_path / "cache", 1 << 20, free_bytes=0), LocalStorage(tmp_path / "storage")
    add(cache, KEY)
    assert list(storage.list_keys()) == []
    assert storage.sweep_scratch(older_than=-1.0) == 0
    assert found(cache, KEY) == CONTENT
