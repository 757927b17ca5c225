"""The hashes of stored objects: of a file, and of a flat directory through the list of its files."""

import hashlib
from pathlib import Path

from ml_training.storage.regular_file import open_regular


def file_hash(path: Path) -> str:
    """The SHA-256 of a regular file; raises IntegrityError for anything else, and OSError."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_of(path: Path) -> str:
    """One line `<SHA-256 of the file> <name>` for each file of a flat directory, by name."""
    return "".join(f"{file_hash(file)} {file.name}\n" for file in sorted(path.iterdir()))


def text_hash(text: str) -> str:
    """The SHA-256 of a text; that of a manifest is the hash of its directory."""
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(path: Path) -> str:
    """The hash that a stored file or directory is asked for with; raises IntegrityError and OSError."""
    return text_hash(manifest_of(path)) if path.is_dir() else file_hash(path)


def directory_hash(path: Path) -> tuple[str, int]:
    """The hash of a flat directory, and the size of all its files in bytes."""
    return text_hash(manifest_of(path)), sum(file.lstat().st_size for file in path.iterdir())
