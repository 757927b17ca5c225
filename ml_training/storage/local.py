"""The store in a local or shared directory; the order of its steps is what makes it safe against crashes.

Every put: a temporary file in the same file system, write, fsync, rename, fsync of the directory. A reader sees the
whole object or none.

Sweeper and put may meet on the same content: the sweeper finds an old object without a row while a put finds it
"already there". So a put restarts the age (mtime), and `delete(older_than=...)` first renames the object away, then
looks at its age again, and renames it back if a put came in between. A put that comes after the rename finds nothing
and writes the object again.

"Already there" means the right bytes: a put replaces a damaged object, so the same upload or training repairs it.
"""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml_training.domain.errors import TooLarge
from ml_training.storage.base import (
    KEY,
    IntegrityError,
    MissingObjectError,
    ObjectKind,
    StoredObject,
    checked_key,
    key_of,
)
from ml_training.storage.content_hash import content_hash, directory_hash
from ml_training.storage.fsync import fsync
from ml_training.storage.regular_file import open_regular, require_regular

CHUNK = 1 << 20
IDENTITY_CHARACTERS = 64
IDENTITY_BYTES = 4 * IDENTITY_CHARACTERS


class LocalStorage:
    """Objects below `root`, which is made when needed; safe for many processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._scratch = root / "scratch"
        self._identity = root / "identity"

    @property
    def place(self) -> str:
        """See Storage."""
        return str(self._root)

    def identity(self) -> str | None:
        """See Storage."""
        try:
            with open_regular(self._identity) as file:
                return file.read(IDENTITY_BYTES).decode(errors="replace").strip()[:IDENTITY_CHARACTERS]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IntegrityError as error:
            raise OSError(str(error)) from None

    def ensure_identity(self, new: str) -> str:
        """See Storage."""
        with self._temporary() as temporary:
            _write(temporary, [f"{new}\n".encode()], limit_bytes=IDENTITY_CHARACTERS)
            try:
                self._identity.hardlink_to(temporary)  # never replaces what another process has written
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links: the first upload of two processes may meet here
                if not self._identity.exists():
                    temporary.rename(self._identity)
            fsync(self._root)
        return self.identity() or new

    def put_bytes(self, kind: str, data: bytes) -> StoredObject:
        """See Storage."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._has(key_of(kind, sha256), sha256):
            return StoredObject(key_of(kind, sha256), sha256, len(data))
        return self.put_stream(kind, [data], limit_bytes=len(data))

    def put_stream(self, kind: str, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredObject:
        """See Storage."""
        with self._temporary() as temporary:
            sha256, size = _write(temporary, chunks, limit_bytes=limit_bytes)
            key = key_of(kind, sha256)
            if not self._has(key, sha256):
                self._publish(temporary, key)
            return StoredObject(key, sha256, size)

    def put_directory(self, kind: str, path: Path) -> StoredObject:
        """See Storage."""
        for file in path.iterdir():
            fsync(file)
        fsync(path)
        sha256, size = directory_hash(path)
        key = key_of(kind, sha256)
        if self._has(key, sha256):
            shutil.rmtree(path)
        else:
            self._publish(path, key)
        return StoredObject(key, sha256, size)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """See Storage."""
        path = self._path(key)
        try:
            require_regular(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"{key} is missing from the storage") from None
        yield path

    def read_bytes(self, key: str, *, sha256: str) -> bytes:
        """See Storage."""
        try:
            with open_regular(self._path(key)) as file:
                data = file.read()
        except FileNotFoundError:
            raise MissingObjectError(f"{key} is missing from the storage") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise IntegrityError(f"{key} is not what was stored: restore it from a backup, or remove it")
        return data

    def has(self, key: str) -> bool:
        """See Storage."""
        return os.path.lexists(self._path(key))  # a dangling link is an object too: a damaged one

    def verify(self, key: str, sha256: str) -> bool:
        """See Storage."""
        try:
            return content_hash(self._path(key)) == sha256
        except (FileNotFoundError, IntegrityError):
            return False

    def verify_local(self, key: str, sha256: str) -> bool:
        """See Storage: `local` gives the object itself."""
        return self.verify(key, sha256)

    def delete(self, key: str, *, older_than: float | None = None) -> bool:
        """See Storage."""
        path = self._path(key)
        with self._temporary() as doomed, suppress(FileNotFoundError):
            if _is_young(path, older_than):
                return False
            path.rename(doomed)
            if not _is_young(doomed, older_than):
                return True
            self._put_back(doomed, path)
        return False

    def list_keys(self) -> Iterator[tuple[str, float]]:
        """See Storage."""
        for kind in ObjectKind:
            for path in sorted((self._root / kind).glob("??/*")):
                key = f"{kind}/{path.parent.name}/{path.name}"
                with suppress(FileNotFoundError):  # deleted since it was listed
                    if KEY.fullmatch(key):
                        yield key, _age(path)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See Storage."""
        with self._temporary() as directory:
            directory.mkdir()
            yield directory

    def sweep_scratch(self, *, older_than: float) -> int:
        """See Storage."""
        removed = 0
        for path in sorted(self._scratch.glob("*")):
            with suppress(FileNotFoundError):  # its owner was quicker
                if _age(path) > older_than:
                    _remove(path)
                    removed += 1
        return removed

    def signed_url(self, key: str, *, seconds: int) -> str | None:
        """See Storage: a directory is on no other machine."""

    def free_bytes(self) -> int:
        """See Storage."""
        _make_directory(self._root)
        return shutil.disk_usage(self._root).free

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A path that does not exist yet; whatever is there at the end is removed."""
        _make_directory(self._scratch)
        path = self._scratch / uuid.uuid4().hex
        try:
            yield path
        finally:
            _remove(path)

    def _has(self, key: str, sha256: str) -> bool:
        """Restart the age of an object; False when there is none, or none any more because its bytes were damaged."""
        path = self._path(key)
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        if self.verify(key, sha256):
            return True
        if path.is_dir():  # a file is replaced in one step, a directory cannot be
            with self._temporary() as damaged, suppress(FileNotFoundError):
                path.rename(damaged)
        return False

    def _publish(self, source: Path, key: str) -> None:
        target = self._path(key)
        _make_directory(target.parent)
        os.utime(source)
        self._rename(source, target)
        fsync(target.parent)

    def _put_back(self, doomed: Path, target: Path) -> None:
        self._rename(doomed, target)
        fsync(target.parent)

    def _rename(self, source: Path, target: Path) -> None:
        try:
            os.replace(source, target)  # noqa: PTH105 - one name for the step that commits
        except OSError:
            # A directory cannot replace a directory: somebody published the same content just now.
            if not (source.is_dir() and target.is_dir()):
                raise
            os.utime(target)
            _remove(source)


def _write(path: Path, chunks: Iterable[bytes], *, limit_bytes: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > limit_bytes:
                raise TooLarge(f"larger than the limit of {limit_bytes:,} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _make_directory(path: Path) -> None:
    """Make a directory and its parents, so that they survive a power cut."""
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir(exist_ok=True)
        fsync(path.parent)


def _age(path: Path) -> float:
    return max(0.0, time.time() - path.stat().st_mtime)


def _is_young(path: Path, older_than: float | None) -> bool:
    return older_than is not None and _age(path) <= older_than


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
