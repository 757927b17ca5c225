"""Copies stored objects from one storage into another, each checked against its hash."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from ml_training.storage.base import IntegrityError, MissingObjectError, Storage, StoredObject

CHUNK = 1 << 20
NO_LIMIT = 1 << 62


def copy_object(source: Storage, target: Storage, key: str, *, sha256: str) -> int:
    """Copy one object unless the target has it; returns the number of bytes that were copied.

    Raises IntegrityError when the bytes in the source are damaged or gone; the target has no such object then.
    """
    if target.has(key):
        return 0  # a put publishes an object when it is whole
    try:
        with source.local(key) as path:
            kind = key.partition("/")[0]
            stored = _put_files(target, kind, path) if path.is_dir() else _put_file(target, kind, path)
    except FileNotFoundError:
        raise MissingObjectError(f"{key} is missing from {source.place}") from None
    if stored.key != key or stored.sha256 != sha256:
        target.delete(stored.key)
        raise IntegrityError(f"{key} is damaged in {source.place}")
    return stored.size


def _put_file(target: Storage, kind: str, path: Path) -> StoredObject:
    return target.put_stream(kind, _chunks(path), limit_bytes=NO_LIMIT)


def _put_files(target: Storage, kind: str, path: Path) -> StoredObject:
    with target.scratch() as directory:
        for file in path.iterdir():
            shutil.copyfile(file, directory / file.name)
        return target.put_directory(kind, directory)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
