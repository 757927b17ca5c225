"""The files of a storage in a directory, for tests that damage or age them."""

from pathlib import Path

from ml_training.storage.base import Storage


def stored_path(storage: Storage, key: str) -> Path:
    """The file or directory of an object; of a storage in a directory it stays there after the block."""
    with storage.local(key) as path:
        return path
