"""The interface of a storage backend: content-addressed, atomic, verified on reading.

A key is made of a kind and a hash, `artifacts/ab/abcdef...`; text from users never becomes part of a path. An object
is complete or absent, never partial, even when the process or the machine stops during a write.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class ObjectKind(StrEnum):
    """What kind of object it is; the first part of its key."""

    UPLOAD = "uploads"
    INDEX = "indexes"
    ARTIFACT = "artifacts"
    CHECKPOINT = "checkpoints"
    PREDICTION = "predictions"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Where an object is, the SHA-256 to ask for it with, and its size in bytes.

    put_after: how many removals of objects the database had counted before the put, for the row that is to name it; a
    storage does not know it.
    """

    key: str
    sha256: str
    size: int
    put_after: int | None = field(default=None, compare=False)


class IntegrityError(Exception):
    """The stored object is missing or its bytes are not those that were stored; none of them was returned."""


class MissingObjectError(IntegrityError):
    """The storage that this process sees does not hold the object."""


DIRECTORY_KINDS = frozenset({ObjectKind.INDEX})  # their objects are directories, those of all others are files
KEY = re.compile(rf"({'|'.join(ObjectKind)})/([0-9a-f]{{2}})/\2[0-9a-f]{{62}}")


def key_of(kind: str, sha256: str) -> str:
    """The key of content with this hash; raises ValueError for an unknown kind or a text that is no SHA-256."""
    return checked_key(f"{ObjectKind(kind)}/{sha256[:2]}/{sha256}")


def checked_key(key: str) -> str:
    """The key itself; raises ValueError when no storage makes such a key."""
    if not KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key


class Storage(Protocol):
    """A store of immutable objects; every method raises OSError when the store itself fails."""

    @property
    def place(self) -> str:
        """Where it is, for messages to the operator."""

    def identity(self) -> str | None:
        """The id of this store, which the first process that used it has written; None when it has none.

        It tells two stores apart that have the same address on two machines: it is cheap, and not cached.
        """

    def ensure_identity(self, new: str) -> str:
        """The id of this store; when it has none, `new` is written. Of processes that call it at once, one wins."""

    def put_bytes(self, kind: str, data: bytes) -> StoredObject:
        """Store bytes; the same content again gives the same key, restarts its age and replaces damaged bytes."""

    def put_stream(self, kind: str, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredObject:
        """Store a stream as `put_bytes`; raises domain.errors.TooLarge over the limit; on any error nothing is left."""

    def put_directory(self, kind: str, path: Path) -> StoredObject:
        """Store a finished flat directory made in `scratch()`, of one of DIRECTORY_KINDS; it is gone afterwards.

        Its SHA-256 is that of one line `<sha256 of the file> <name>` for each file, sorted by name.
        """

    def local(self, key: str) -> AbstractContextManager[Path]:
        """The object's file or directory on this machine, for mapping it into memory; it stays there until the end of
        the block. Unverified; raises FileNotFoundError when the object is missing, IntegrityError when it is no
        regular file or directory of them."""

    def read_bytes(self, key: str, *, sha256: str) -> bytes:
        """A file's content; raises IntegrityError before a wrong byte is returned."""

    def has(self, key: str) -> bool:
        """Whether there is an object with this key, whatever its bytes."""

    def verify(self, key: str, sha256: str) -> bool:
        """Whether the store holds the object and it has this hash; reads all of it there, and no copy."""

    def verify_local(self, key: str, sha256: str) -> bool:
        """Whether the object that `local` gives has this hash; reads all of it.

        A damaged copy of an intact object is fetched again; raises OSError when this copy is open in `local`.
        """

    def delete(self, key: str, *, older_than: float | None = None) -> bool:
        """Remove the object and say whether it was removed; with `older_than` only if its age in seconds is above."""

    def list_keys(self) -> Iterator[tuple[str, float]]:
        """Every object's key and its age in seconds, counted from the last put of its content."""

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty temporary directory on this machine, removed at the end of the block unless it was stored."""

    def sweep_scratch(self, *, older_than: float) -> int:
        """Remove scratch directories of killed processes that are older, in seconds; returns how many."""

    def signed_url(self, key: str, *, seconds: int) -> str | None:
        """Where everybody can read a file for `seconds`, without this process; None: nowhere.

        Nothing is asked: whether there is such an object, with the right bytes, the reader must find out.
        """

    def free_bytes(self) -> int | None:
        """Bytes that can still be written; None where there is no such limit."""
