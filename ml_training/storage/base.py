"""What the service asks of a store of bytes: content-addressed, atomic, verified on reading.

A key is built from a kind and a hash, `artifacts/ab/abcdef...`; no user text ever makes a path. An object is
complete or absent, never partial, whenever the process or the machine stops.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class ObjectKind(StrEnum):
    """What an object is; the first part of its key."""

    UPLOAD = "uploads"
    INDEX = "indexes"
    ARTIFACT = "artifacts"
    CHECKPOINT = "checkpoints"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Where an object is, the SHA-256 to ask for it with, and its size in bytes."""

    key: str
    sha256: str
    size: int


class IntegrityError(Exception):
    """The stored object is missing or is not what was stored: its bytes were not handed out."""


KEY = re.compile(rf"({'|'.join(ObjectKind)})/([0-9a-f]{{2}})/\2[0-9a-f]{{62}}")


def key_of(kind: str, sha256: str) -> str:
    """The key of content with this hash; raises ValueError for an unknown kind or what is no SHA-256."""
    return checked_key(f"{ObjectKind(kind)}/{sha256[:2]}/{sha256}")


def checked_key(key: str) -> str:
    """The key itself; raises ValueError when it is not one that this store makes."""
    if not KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key


class Storage(Protocol):
    """A store of immutable objects; every method raises OSError when the store itself fails."""

    def put_bytes(self, kind: str, data: bytes) -> StoredObject:
        """Store bytes; storing the same content again gives the same key, writes nothing and restarts its age."""

    def put_stream(self, kind: str, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredObject:
        """Store a stream as `put_bytes`; raises domain.errors.TooLarge over the limit; on any error nothing is left."""

    def put_directory(self, kind: str, path: Path) -> StoredObject:
        """Adopt a finished flat directory made in `scratch()`, which is gone afterwards.

        Its SHA-256 is over the sorted names and hashes of its files (see `local.directory_hash`).
        """

    def path(self, key: str) -> Path:
        """Where the object's file or directory is, for mapping it into memory; unverified."""

    def read_bytes(self, key: str, *, sha256: str) -> bytes:
        """A file's content; raises IntegrityError before a wrong byte is returned."""

    def verify(self, key: str, sha256: str) -> bool:
        """Whether the object is there and has this hash; reads all of it."""

    def delete(self, key: str, *, older_than: float | None = None) -> bool:
        """Remove the object and say whether it was removed; with `older_than` only if its age in seconds is above."""

    def list_keys(self) -> Iterator[tuple[str, float]]:
        """Every object's key and its age in seconds, counted from the last put of its content."""

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty temporary directory in the same file system, removed at the end unless adopted."""

    def sweep_scratch(self, *, older_than: float) -> int:
        """Remove what killed processes left in scratch, by age in seconds; returns how many entries."""

    def free_bytes(self) -> int:
        """Bytes that can still be written."""
