"""The copies of stored files on this machine: fetched once for all its processes, and mapped from here.

A copy is named by the SHA-256 of its content and was compared with it when it was fetched, so it is the file or it is
removed. What cannot be kept, such as on a full or foreign disk, is fetched for its one reader.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml_training.logs import get_logger
from ml_training.storage.cache_directory import CacheDirectory
from ml_training.storage.content_hash import file_hash

log = get_logger(__name__)
FREE_BYTES = 64 << 20
LOCKS = "locks"
LOCK_CHARACTERS = 3  # of a hash: so few files that they never need to be removed
WAIT_SECONDS = 30.0  # for a process that fetches the same file; it may be stopped, and fetching twice is harmless
LOOK_SECONDS = 0.02
MOST_CHECKED = 10_000

Fetch = Callable[[Path], None]  # writes the file with the wanted hash, or raises


class ObjectCache:
    """Files by their SHA-256 below `root`; what nobody uses is removed when all together exceed `limit_bytes`.

    Safe for the threads and processes of one machine. What is in use may exceed the limit: a job needs its data.
    """

    def __init__(self, root: Path, *, limit_bytes: int) -> None:
        self._directory = CacheDirectory(root, limit_bytes, FREE_BYTES)
        self._session: tuple[int, Path, int] | None = None  # process, directory, descriptor of its lock
        self._checked: set[tuple[str, int]] = set()  # copies (hash, inode) that this process knows to be intact
        self.fetched = 0  # files, by this process

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """A path that does not exist yet, in the file system of the cache; what is there at the end is removed."""
        path = self._own_directory() / uuid.uuid4().hex
        try:
            yield path
        finally:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def place(self, sha256: str, path: Path, fetch: Fetch) -> None:
        """Make the file with this hash at `path`, from its copy or by `fetch`, whose errors are raised; or OSError."""
        if self._link(sha256, path):
            return
        with self._turn(sha256):
            if not self._link(sha256, path):  # somebody else may have fetched it in the meantime
                fetch(path)
                self.fetched += 1
                self._remember((sha256, path.stat().st_ino))
                self.keep(sha256, path)

    def keep(self, sha256: str, path: Path) -> None:
        """Keep the file at `path`, which has this hash, for later readers, if there is room."""
        entry = self._directory.entry(sha256)
        try:
            if self._directory.make_room(0):
                entry.hardlink_to(path)
        except FileExistsError:
            pass
        except OSError as error:
            log.warning("copy_not_kept", error=str(error))

    def make_room(self, needed: int) -> None:
        """Remove copies that nobody uses until `needed` bytes fit in, as far as possible; raises OSError."""
        self._directory.make_room(needed)

    def drop_damaged(self, sha256: str) -> bool:
        """Remove the copy of this file unless its content is right; whether it was removed. Raises OSError."""
        entry = self._directory.entry(sha256)
        with suppress(FileNotFoundError):
            if file_hash(entry) != sha256:
                log.warning("copy_damaged", sha256=sha256)
                entry.unlink(missing_ok=True)
                return True
        return False

    def sweep(self, *, older_than: float) -> int:
        """Remove what killed processes of this machine left, if it is older in seconds; returns how many."""
        return self._directory.remove_left_sessions(older_than=older_than)

    def _own_directory(self) -> Path:
        """The directory of this process; a fork of it makes its own."""
        if self._session is None or self._session[0] != os.getpid():
            self._session = (os.getpid(), *self._directory.locked_directory())
        return self._session[1]

    def _link(self, sha256: str, path: Path) -> bool:
        """Link the copy to `path`; False when there is none that can be used.

        A process reads each copy once to compare it: after a power cut it may be anything.
        """
        try:
            path.hardlink_to(self._directory.entry(sha256))
            os.utime(path)  # it was used
            copy = (sha256, path.stat().st_ino)
            if copy in self._checked:
                return True
            if file_hash(path) == sha256:
                self._remember(copy)
                return True
            log.warning("copy_damaged", sha256=sha256)
            path.unlink()
            self._directory.entry(sha256).unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("copy_not_used", error=str(error))
        return False

    def _remember(self, copy: tuple[str, int]) -> None:
        if len(self._checked) >= MOST_CHECKED:
            self._checked.clear()
        self._checked.add(copy)

    @contextmanager
    def _turn(self, sha256: str) -> Iterator[None]:
        """Wait until no other process or thread of this machine fetches the file, but not for ever."""
        locks = self._directory.root / LOCKS
        locks.mkdir(exist_ok=True)
        deadline = time.monotonic() + WAIT_SECONDS
        with (locks / sha256[:LOCK_CHARACTERS]).open("wb") as file:
            while not _try_lock(file.fileno()) and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
            yield


def _try_lock(descriptor: int) -> bool:
    """Whether the lock was taken, which the end of the descriptor gives back; raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
