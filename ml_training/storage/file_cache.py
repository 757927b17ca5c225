"""A cache of files on this machine that were computed: bounded in bytes, and checked before each use.

A key is the SHA-256 of everything that its file was made from. What the cache holds can always be made again: every
trouble, such as a full disk or a damaged file, means "not in the cache", and never an error.

An entry is written to a temporary file, sealed, fsynced and renamed. The seal at its end holds the key and the SHA-256
of the content, so a file that is damaged, cut off or of another key is never used; it is removed.
The seal protects from damage, not from somebody who may write below the directory of the data.
"""

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ml_training.logs import get_logger
from ml_training.storage.cache_directory import CacheDirectory
from ml_training.storage.fsync import fsync

log = get_logger(__name__)
CHUNK = 1 << 20
SEAL = re.compile(rb"\nml-training cache 1\n([0-9a-f]{64})\n([0-9a-f]{64})\n")  # the key, the SHA-256 of all before
SEAL_BYTES = 151


class FileCache(CacheDirectory):
    """A directory of sealed files."""

    __slots__ = ()

    @contextmanager
    def session(self) -> Iterator["CacheSession"]:
        """The cache for one job; what was not published at the end of the block is removed."""
        session = CacheSession(self)
        try:
            yield session
        finally:
            session.close()


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
