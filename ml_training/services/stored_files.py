"""Opens a stored file for a download, verified, or says where the bucket itself gives it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from ml_training.domain.errors import Unavailable
from ml_training.services.resources import Resources
from ml_training.storage.base import StoredObject
from ml_training.storage.regular_file import open_regular


@dataclass(frozen=True, slots=True)
class Download:
    """A stored file as it is offered: what was registered. damaged: what is said when its bytes are others."""

    stored: StoredObject
    filename: str
    media_type: str
    damaged: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file with the bytes that were registered, open for reading."""

    file: BinaryIO
    sha256: str
    size: int
    filename: str
    media_type: str


@contextmanager
def open_stored(resources: Resources, wanted: Download) -> Iterator[StoredFile]:
    """The file, closed at the end of the block; raises Unavailable if its bytes are not those that were registered."""
    stored = wanted.stored
    if not resources.storage.verify_local(stored.key, stored.sha256):
        resources.require_storage()
        raise Unavailable(wanted.damaged)
    with resources.storage.local(stored.key) as path, open_regular(path) as file:
        yield StoredFile(file, stored.sha256, stored.size, wanted.filename, wanted.media_type)


def address_of(resources: Resources, wanted: Download) -> str | None:
    """Where the bucket gives the file for `redirect_seconds`; None when this process is to send it.

    The bytes there are compared by whoever reads them. Raises Unavailable when there are none.
    """
    if not resources.redirect_seconds:
        return None
    address = resources.storage.signed_url(wanted.stored.key, seconds=resources.redirect_seconds)
    if address is not None and not resources.storage.has(wanted.stored.key):
        resources.require_storage()
        raise Unavailable(wanted.damaged)
    return address
