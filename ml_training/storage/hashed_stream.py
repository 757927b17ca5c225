"""Takes a stream whose hash is known at its end only."""

import hashlib
from collections.abc import Iterable, Iterator

from ml_training.domain.errors import TooLarge
from ml_training.storage.base import StoredObject, key_of


class HashedStream:
    """The chunks of a stream, hashed and counted while they are taken; raises TooLarge over the limit."""

    def __init__(self, chunks: Iterable[bytes], limit_bytes: int) -> None:
        self._chunks = iter(chunks)
        self._limit = limit_bytes
        self._digest = hashlib.sha256()
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._size += len(chunk)
        if self._size > self._limit:
            raise TooLarge(f"larger than the limit of {self._limit:,} bytes")
        self._digest.update(chunk)
        return chunk

    def stored(self, kind: str) -> StoredObject:
        """The object that was taken so far."""
        sha256 = self._digest.hexdigest()
        return StoredObject(key_of(kind, sha256), sha256, self._size)
