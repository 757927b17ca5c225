"""Opens a stored file for a download, verified."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from ml_training.domain.errors import Unavailable
from ml_training.services.resources import Resources
from ml_training.storage.regular_file import open_regular


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file with the bytes that were registered, open for reading."""

    file: BinaryIO
    sha256: str
    size: int
    filename: str
    media_type: str


@contextmanager
def open_stored(
    resources: Resources, *, key: str, sha256: str, size: int, filename: str, media_type: str, damaged: str
) -> Iterator[StoredFile]:
    """The file, closed at the end of the block; raises Unavailable with the text `damaged` if its bytes are others."""
    if not resources.storage.verify_local(key, sha256):
        resources.require_storage()
        raise Unavailable(damaged)
    with resources.storage.local(key) as path, open_regular(path) as file:
        yield StoredFile(file=file, sha256=sha256, size=size, filename=filename, media_type=media_type)
