"""The store in a bucket: every process reads through the copies on its machine, and nothing else is shared.

A key is a hash, so storing the same bytes twice is harmless, and no conditional request is needed. An object becomes
visible in one step: with the put of a small one, with the copy of a large one from below `scratch/`, where it was
uploaded in parts because its hash is known only at its end. A directory is its files and a manifest, which is written
last: a reader believes the manifest only, whose SHA-256 is that of the directory.

Nothing that the bucket answers is used before its SHA-256 was compared.
"""

import hashlib
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path

from ml_training.storage.base import (
    DIRECTORY_KINDS,
    KEY,
    IntegrityError,
    MissingObjectError,
    ObjectKind,
    StoredObject,
    checked_key,
    key_of,
)
from ml_training.storage.bucket import CHUNK_BYTES, PART_BYTES, Bucket, Found
from ml_training.storage.bucket_paths import (
    FILES,
    IDENTITY,
    MANIFEST,
    SCRATCH,
    file_path,
    hash_of,
    is_directory,
    main_path,
    manifest_lines,
    not_as_stored,
)
from ml_training.storage.content_hash import content_hash, manifest_of, text_hash
from ml_training.storage.hashed_stream import HashedStream
from ml_training.storage.object_cache import ObjectCache
from ml_training.storage.regular_file import require_regular

IDENTITY_CHARACTERS = 64
MOST_COPIED_BYTES = 5 << 30  # in one request; S3 copies no more
TRIES = 2  # of a download whose bytes are wrong: they may have been damaged on the way


class S3Storage:
    """Objects below a prefix of a bucket; safe for many processes on many machines at once."""

    def __init__(self, bucket: Bucket, cache: ObjectCache) -> None:
        self._bucket = bucket
        self._cache = cache
        self._open: set[tuple[str, Path]] = set()  # what `local` has given out

    @property
    def place(self) -> str:
        """See Storage."""
        return self._bucket.place

    @property
    def fetched(self) -> int:
        """How many files this process has fetched from the bucket to this machine."""
        return self._cache.fetched

    def identity(self) -> str | None:
        """See Storage."""
        found = self._bucket.read_small(IDENTITY, most_bytes=4 * IDENTITY_CHARACTERS)
        return None if found is None else found.decode(errors="replace").strip()[:IDENTITY_CHARACTERS]

    def ensure_identity(self, new: str) -> str:
        """See Storage; of machines that call it at once, the last one wins on a server that ignores conditions.

        So StorageCheck calls it under a lock of the database.
        """
        found = self.identity()
        if found is None:
            self._bucket.create(IDENTITY, f"{new}\n".encode())
            found = self.identity()
        return found or new

    def put_bytes(self, kind: str, data: bytes) -> StoredObject:
        """See Storage."""
        sha256 = hashlib.sha256(data).hexdigest()
        stored = StoredObject(key_of(kind, sha256), sha256, len(data))
        if len(data) <= PART_BYTES:
            self._bucket.put(stored.key, data)
        else:
            starts = range(0, len(data), CHUNK_BYTES)
            self._bucket.put_parts(stored.key, (data[start : start + CHUNK_BYTES] for start in starts))
        return stored

    def put_stream(self, kind: str, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredObject:
        """See Storage; more than a part is uploaded under another name first, and copied by the server."""
        ObjectKind(kind)  # before anything is read
        content = HashedStream(chunks, limit_bytes)
        first = bytearray()
        for chunk in content:
            first += chunk
            if len(first) > PART_BYTES:
                return self._put_large(kind, first, content)
        stored = content.stored(kind)
        self._bucket.put(stored.key, bytes(first))
        return stored

    def put_directory(self, kind: str, path: Path) -> StoredObject:
        """See Storage."""
        manifest = manifest_of(path)
        key, files = key_of(kind, text_hash(manifest)), sorted(path.iterdir())
        sizes = {file_path(key, file.name): file.stat().st_size for file in files}
        for file in files:
            self._bucket.upload(file, file_path(key, file.name))
        self._bucket.put(f"{key}/{MANIFEST}", manifest.encode())
        # A sweeper may have taken the first files for those of a killed process while the last ones were uploaded.
        if {found.path: found.size for found in self._bucket.list(f"{key}/{FILES}")} != sizes:
            raise OSError(f"{self.place}: the files of {key} are not there after they were stored")
        self._keep_directory(manifest, files)
        shutil.rmtree(path)
        return StoredObject(key, text_hash(manifest), sum(sizes.values()))

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """See Storage; an object that is not on this machine is fetched, and compared with its hash."""
        checked_key(key)
        with self._cache.temporary() as path:
            if is_directory(key):
                path.mkdir()
                self._place_directory(key, path)
            else:
                self._place(hash_of(key), key, path)
            require_regular(path)
            self._open.add((key, path))
            try:
                yield path
            finally:
                self._open.discard((key, path))

    def read_bytes(self, key: str, *, sha256: str) -> bytes:
        """See Storage."""
        for _ in range(TRIES):
            try:
                with self.local(key) as path:
                    data = path.read_bytes()
            except FileNotFoundError:
                raise MissingObjectError(f"{key} is missing from the storage") from None
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
            if not self._drop_damaged(key):
                break
        raise not_as_stored(key)

    def has(self, key: str) -> bool:
        """See Storage."""
        return self._bucket.find(main_path(key)) is not None

    def verify(self, key: str, sha256: str) -> bool:
        """See Storage."""
        try:
            if self._hash_in_bucket(main_path(key)) != sha256:
                return False
            files = self._manifest(key) if is_directory(key) else []
            return all(self._hash_in_bucket(file_path(key, name)) == wanted for wanted, name in files)
        except (FileNotFoundError, IntegrityError):
            return False

    def verify_local(self, key: str, sha256: str) -> bool:
        """See Storage."""
        opened = [path for name, path in list(self._open) if name == key]
        if opened:
            return all(self._is_unchanged(key, path) for path in opened) and sha256 == hash_of(key)
        with suppress(FileNotFoundError, IntegrityError):
            for _ in range(TRIES):
                with self.local(key) as path:
                    if content_hash(path) == sha256:
                        return True
                self._drop_damaged(key)
        return False

    def delete(self, key: str, *, older_than: float | None = None) -> bool:
        """See Storage; of a directory the manifest goes first, so that nobody sees a part of it."""
        found = self._bucket.find(main_path(key))
        if found is None or (older_than is not None and found.age <= older_than):
            return False
        self._bucket.delete(found.path)
        if is_directory(key):
            for file in list(self._bucket.list(f"{key}/{FILES}")):
                self._bucket.delete(file.path)
        return True

    def list_keys(self) -> Iterator[tuple[str, float]]:
        """See Storage."""
        for kind in ObjectKind:
            for found in self._bucket.list(kind):
                key = found.path.removesuffix(f"/{MANIFEST}")
                if KEY.fullmatch(key) and found.path == main_path(key):
                    yield key, found.age

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """See Storage."""
        with self._cache.temporary() as directory:
            directory.mkdir()
            yield directory

    def sweep_scratch(self, *, older_than: float) -> int:
        """See Storage; also what killed processes of any machine have left in the bucket."""
        removed = self._cache.sweep(older_than=older_than)
        for found in chain(self._bucket.list(SCRATCH), self._files_without_manifest()):
            if found.age > older_than:
                self._bucket.delete(found.path)
                removed += 1
        return removed

    def signed_url(self, key: str, *, seconds: int) -> str | None:
        """See Storage."""
        return None if is_directory(checked_key(key)) else self._bucket.signed_url(key, seconds=seconds)

    def free_bytes(self) -> None:
        """See Storage: a bucket has no such limit."""

    def _put_large(self, kind: str, first: bytearray, rest: "HashedStream") -> StoredObject:
        temporary = f"{SCRATCH}/{uuid.uuid4().hex}"
        try:
            self._bucket.put_parts(temporary, chain([bytes(first)], rest))
            stored = rest.stored(kind)
            if stored.size <= MOST_COPIED_BYTES:
                self._bucket.copy(temporary, stored.key)
            else:
                self._bucket.put_parts(stored.key, self._checked(temporary, stored.sha256))
        finally:
            with suppress(OSError):  # the sweeper removes it later
                self._bucket.delete(temporary)
        return stored

    def _checked(self, path: str, sha256: str) -> Iterator[bytes]:
        """The content of an object; raises OSError at its end when it has another hash."""
        digest = hashlib.sha256()
        for chunk in self._bucket.chunks(path):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != sha256:
            raise OSError(f"{self.place}: what was uploaded came back with other bytes")

    def _keep_directory(self, manifest: str, files: list[Path]) -> None:
        """Keep the files that were just stored on this machine: the next job needs them."""
        for line, file in zip(manifest.splitlines(), files, strict=True):
            self._cache.keep(line.partition(" ")[0], file)
        with suppress(OSError), self._cache.temporary() as copy:
            copy.write_text(manifest, encoding="utf-8")
            self._cache.keep(text_hash(manifest), copy)

    def _place_directory(self, key: str, path: Path) -> None:
        """Fill an empty directory with the files of the manifest."""
        for wanted, name in self._manifest(key):
            self._place(wanted, file_path(key, name), path / name)

    def _manifest(self, key: str) -> list[tuple[str, str]]:
        """The hash and the name of each file of a directory."""
        with self._cache.temporary() as path:
            self._place(hash_of(key), f"{key}/{MANIFEST}", path)
            text = path.read_text(encoding="utf-8")
        if text_hash(text) != hash_of(key):  # the copy was damaged since it was fetched
            self._cache.drop_damaged(hash_of(key))
            raise OSError(f"the copy of the manifest of {key} on this machine was damaged: it was removed")
        return manifest_lines(key, text)

    def _place(self, sha256: str, source: str, path: Path) -> None:
        """Make the object `source` with this hash a file at `path`; raises FileNotFoundError, IntegrityError."""
        self._cache.place(sha256, path, partial(self._fetch, source, sha256))

    def _fetch(self, source: str, sha256: str, path: Path) -> None:
        for _ in range(TRIES):
            with path.open("wb") as file:
                if self._bucket.download(source, file, expect=self._cache.make_room) == sha256:
                    return
        path.unlink()
        raise not_as_stored(source)

    def _hash_in_bucket(self, path: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._bucket.chunks(path):
            digest.update(chunk)
        return digest.hexdigest()

    def _is_unchanged(self, key: str, path: Path) -> bool:
        """Whether a copy that is open has its bytes; raises OSError when it has not: the work on it is void."""
        if content_hash(path) == hash_of(key):
            return True
        self._drop_damaged(key)
        raise OSError(f"the copy of {key} on this machine was damaged while it was used: it was removed")

    def _drop_damaged(self, key: str) -> bool:
        """Remove the copies of an object on this machine that were damaged; whether there were any."""
        dropped = self._cache.drop_damaged(hash_of(key))  # of the file, or of the manifest
        if is_directory(key):
            dropped |= sum(self._cache.drop_damaged(wanted) for wanted, _ in self._manifest(key)) > 0
        return dropped

    def _files_without_manifest(self) -> Iterator[Found]:
        """The files of directories that were not finished."""
        for kind in sorted(DIRECTORY_KINDS):
            pending: dict[str, list[Found]] = {}  # of few keys: a listing is sorted, and `files` is before `manifest`
            for found in self._bucket.list(kind):
                key, _, rest = found.path.partition("/files/")
                if rest:
                    pending.setdefault(key, []).append(found)
                else:
                    pending.pop(found.path.removesuffix(f"/{MANIFEST}"), None)
            for key, files in pending.items():
                if self._bucket.find(f"{key}/{MANIFEST}") is None:  # not every server lists in this order
                    yield from files
