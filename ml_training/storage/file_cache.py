"""A cache of files on this machine: bounded in bytes, checked before each use, shared by the processes of the machine.

A key is the SHA-256 of everything that its file was made from. What the cache holds can always be made again: every
trouble, such as a full disk or a damaged file, means "not in the cache", and never an error.

An entry is complete or absent: it is written to a temporary file, sealed, fsynced and renamed. The seal at its end
holds the key and the SHA-256 of the content, so a file that is damaged, cut off or of another key is never used; it is
removed. A reader gets a link of its own to the file that was checked: others may remove the entry at any time.
The seal protects from damage, not from somebody who may write below the directory of the data.

Temporary files are in a directory of their `CacheSession`, which locks it for as long as its process lives: whoever
opens the cache next removes the directories of killed processes.
"""

import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ml_training.logs import get_logger
from ml_training.storage.fsync import fsync

log = get_logger(__name__)
CHUNK = 1 << 20
SESSIONS = "sessions"
SEAL = re.compile(rb"\nml-training cache 1\n([0-9a-f]{64})\n([0-9a-f]{64})\n")  # the key, the SHA-256 of all before
SEAL_BYTES = 151
KEY = re.compile(r"[0-9a-f]{64}")
YOUNG_SECONDS = 60.0  # a younger session may be about to lock its directory
FREE_BYTES = 1 << 30  # so much of the disk stays free for what cannot be made again


@dataclass(frozen=True, slots=True)
class FileCache:
    """The files below `root`, temporary ones too, take at most `limit_bytes`; 0: nothing is kept.

    What has not been used for the longest time is removed first. Nothing is made before the first use.
    """

    root: Path
    limit_bytes: int
    free_bytes: int = FREE_BYTES

    @contextmanager
    def session(self) -> Iterator["CacheSession"]:
        """The cache for one job; what was not published at the end of the block is removed."""
        session = CacheSession(self)
        try:
            yield session
        finally:
            session.close()

    def entry(self, key: str) -> Path:
        """Where the file of a key is; raises ValueError for a text that is no SHA-256."""
        if not KEY.fullmatch(key):
            raise ValueError("not a key of the cache")
        return self.root / key

    def make_room(self, needed: int) -> bool:
        """Remove the oldest entries until `needed` bytes fit in; whether they do. Raises OSError."""
        if needed > self.limit_bytes or shutil.disk_usage(self.root).free < needed + self.free_bytes:
            return False
        files = _files_below(self.root)
        excess = sum(status.st_size for status in files.values()) + needed - self.limit_bytes
        entries = {path: status for path, status in files.items() if path.parent == self.root}
        for path, status in sorted(entries.items(), key=lambda item: item[1].st_mtime_ns):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= status.st_size
        return excess <= 0

    def locked_directory(self) -> tuple[Path, int]:
        """A new directory for a session, and the descriptor that locks it; raises OSError."""
        sessions = self.root / SESSIONS
        sessions.mkdir(parents=True, exist_ok=True)
        for left in sessions.iterdir():
            with suppress(OSError):  # its process is still there, or somebody else was quicker
                _remove_if_left(left)
        directory = sessions / uuid.uuid4().hex
        directory.mkdir()
        return directory, _locked(directory)


@dataclass(slots=True, eq=False)
class CacheSession:
    """What one job reads from the cache, and what it adds once its data are known to be intact."""

    cache: FileCache
    added: dict[str, Path] = field(default_factory=dict)
    _directory: Path | None = None
    _lock: int | None = None

    @contextmanager
    def find(self, key: str) -> Iterator[Path | None]:
        """The file of a key, there until the end of the block; None when there is no intact one."""
        directory = self._open()
        path = None if directory is None else directory / uuid.uuid4().hex
        try:
            yield path if path is not None and self._is_intact(key, path) else None
        finally:
            if path is not None:
                _remove(path)

    def add(self, key: str, write: Callable[[Path], None], *, about_bytes: int) -> None:
        """Keep the file that `write` makes at the path it is given, until `publish`; it may raise OSError.

        about_bytes: how large the file will be. The oldest entries are removed to make room for it.
        """
        directory = self._open()
        if directory is None or key in self.added:
            return
        path = directory / key
        try:
            if self.cache.make_room(about_bytes):
                write(path)
                _seal(path, key)
                if self.cache.make_room(0):
                    self.added[key] = path
        except OSError as error:
            log.warning("cache_not_written", error=str(error))
        if key not in self.added:
            _remove(path)

    def publish(self) -> None:
        """Make what was added visible to everybody."""
        try:
            for key, path in self.added.items():
                fsync(path)
                path.replace(self.cache.entry(key))
            if self.added:
                fsync(self.cache.root)
        except OSError as error:
            log.warning("cache_not_written", error=str(error))

    def close(self) -> None:
        """Remove what was not published."""
        if self._directory is not None and self._lock is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)
            self._directory = self._lock = None

    def _open(self) -> Path | None:
        """The directory of this session; None without a cache."""
        if self._directory is None and self.cache.limit_bytes:
            try:
                self._directory, self._lock = self.cache.locked_directory()
            except OSError as error:
                log.warning("cache_not_used", error=str(error))
        return self._directory

    def _is_intact(self, key: str, path: Path) -> bool:
        """Link the entry to `path` and check it; an entry that is not intact is removed."""
        entry = self.cache.entry(key)
        try:
            path.hardlink_to(entry)
            os.utime(path)
            if _has_seal(path, key):
                return True
            log.warning("cache_damaged", key=key)
            entry.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("cache_not_read", error=str(error))
        return False


NO_CACHE = FileCache(Path(), limit_bytes=0)


def _remove_if_left(directory: Path) -> None:
    """Remove the directory of a session whose process is gone; raises OSError."""
    if time.time() - directory.stat().st_mtime > YOUNG_SECONDS:
        lock = _locked(directory)
        try:
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


def _locked(directory: Path) -> int:
    """A descriptor that locks the directory until it is closed; raises BlockingIOError when another process does."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _files_below(root: Path) -> dict[Path, os.stat_result]:
    """Entries and temporary files; each file once, though it may have several links."""
    entries = [path for path in root.iterdir() if KEY.fullmatch(path.name)]
    found: dict[int, tuple[Path, os.stat_result]] = {}
    for path in [*entries, *root.glob(f"{SESSIONS}/*/*")]:
        with suppress(FileNotFoundError):  # removed since it was listed
            status = path.stat()
            found.setdefault(status.st_ino, (path, status))
    return dict(found.values())


def _seal(path: Path, key: str) -> None:
    """Append the seal; raises OSError."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.write(b"\nml-training cache 1\n%s\n%s\n" % (key.encode(), digest.encode()))


def _has_seal(path: Path, key: str) -> bool:
    """Whether the file ends with the seal of this key, and its content is what was sealed; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - SEAL_BYTES
        while left > 0 and (chunk := file.read(min(left, CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
        found = SEAL.fullmatch(file.read(SEAL_BYTES + 1))
    return found is not None and found.groups() == (key.encode(), digest.hexdigest().encode())


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
