"""The copies of stored files: bounded, never without what is in use, and no reason for a job to fail."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from ml_training.storage.object_cache import ObjectCache
from tests.support.eventually import PATIENCE

SIZE = 10_000
READ_AND_WAIT = """
import sys
from pathlib import Path
from ml_training.storage.object_cache import ObjectCache
cache = ObjectCache(Path(sys.argv[1]), limit_bytes=int(sys.argv[3]))
with cache.temporary() as path:
    cache.place(sys.argv[2], path, lambda path: None)
    print("reads", flush=True)
    sys.stdin.readline()
"""


def content(number: int) -> bytes:
    return b"%d" % number * SIZE


def name(number: int) -> str:
    return sha256(content(number)).hexdigest()


def fetch(number: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content(number))

    return write


def read(cache: ObjectCache, number: int) -> None:
    with cache.temporary() as path:
        cache.place(name(number), path, fetch(number))
        assert path.read_bytes() == content(number)


def kept(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_file()}


def make_old(root: Path, number: int) -> None:
    os.utime(root / name(number), (1_000_000 + number, 1_000_000 + number))


def test_the_copy_that_was_not_used_for_the_longest_time_makes_room(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=3 * SIZE)
    for number in range(3):
        read(cache, number)
        make_old(tmp_path, number)
    read(cache, 0)  # now it was used
    read(cache, 3)
    assert kept(tmp_path) == {name(0), name(2), name(3)}
    assert cache.fetched == 4


def test_a_copy_that_another_process_uses_stays_although_it_is_the_oldest(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=2 * SIZE)
    read(cache, 0)
    command = [sys.executable, "-c", READ_AND_WAIT, str(tmp_path), name(0), str(2 * SIZE)]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reads\n"
    make_old(tmp_path, 0)
    for number in (1, 2):
        read(cache, number)
    assert kept(tmp_path) == {name(0), name(2)}
    reader.communicate("\n")
    assert reader.returncode == 0
    make_old(tmp_path, 0)
    read(cache, 1)
    assert kept(tmp_path) == {name(1), name(2)}


def test_what_is_larger_than_the_cache_is_read_and_not_kept(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=SIZE // 2)
    for _ in range(2):
        read(cache, 0)
    assert kept(tmp_path) == set()
    assert cache.fetched == 2
    assert list((tmp_path / "sessions").rglob("*/*")) == []


def test_a_cache_of_no_bytes_keeps_nothing(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=0)
    read(cache, 0)
    assert kept(tmp_path) == set()


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=10 * SIZE)

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"), cache.temporary() as path:
        cache.place(name(0), path, fail)
    assert kept(tmp_path) == set()
    assert list((tmp_path / "sessions").rglob("*/*")) == []
    read(cache, 0)
    assert kept(tmp_path) == {name(0)}


def test_a_disk_without_links_delays_and_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    cache = ObjectCache(tmp_path, limit_bytes=10 * SIZE)
    for _ in range(2):
        read(cache, 0)
    assert cache.fetched == 2


def test_a_killed_reader_leaves_nothing_for_ever(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=10 * SIZE)
    read(cache, 0)
    command = [sys.executable, "-c", READ_AND_WAIT, str(tmp_path), name(0), str(SIZE)]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reads\n"
    left = {path for path in (tmp_path / "sessions").iterdir() if any(path.iterdir())}
    for path in left:
        os.utime(path, (1_000_000, 1_000_000))
    assert cache.sweep(older_than=3_600) == 0, "its process lives"
    reader.kill()
    reader.communicate()
    assert cache.sweep(older_than=3_600) == len(left) == 1
    assert kept(tmp_path) == {name(0)}


@pytest.mark.timeout(PATIENCE)  # it would wait for ever
def test_a_stopped_process_that_fetches_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_training.storage.object_cache.WAIT_SECONDS", 0.1)
    stopped, other = (ObjectCache(tmp_path, limit_bytes=10 * SIZE) for _ in range(2))

    def fetch_slowly(path: Path) -> None:
        read(other, 0)
        path.write_bytes(content(0))

    with stopped.temporary() as path:
        stopped.place(name(0), path, fetch_slowly)
    assert kept(tmp_path) == {name(0)}
