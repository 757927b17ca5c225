"""Where objects are in a bucket: a file at its key, a directory below it."""

import re

from ml_training.storage.base import DIRECTORY_KINDS, IntegrityError, checked_key

SHA256 = re.compile(r"[0-9a-f]{64}")
IDENTITY = "identity"
SCRATCH = "scratch"
MANIFEST = "manifest"  # of a directory, beside the folder of its files
FILES = "files"


def is_directory(key: str) -> bool:
    """Whether the object of this key is a directory."""
    return key.partition("/")[0] in DIRECTORY_KINDS


def main_path(key: str) -> str:
    """The object that is there if and only if the key is: the file, or the manifest of the directory."""
    return f"{checked_key(key)}/{MANIFEST}" if is_directory(key) else checked_key(key)


def hash_of(key: str) -> str:
    """The SHA-256 in a key."""
    return checked_key(key).rpartition("/")[2]


def file_path(key: str, name: str) -> str:
    """Where a file of a directory is."""
    return f"{checked_key(key)}/{FILES}/{name}"


def manifest_lines(key: str, text: str) -> list[tuple[str, str]]:
    """The hash and the name of each file of a directory; raises IntegrityError for what `put_directory` never writes.

    Names become paths on this machine.
    """
    lines = [line.partition(" ")[::2] for line in text.splitlines()]
    if any(name in ("", ".", "..") or "/" in name or not SHA256.fullmatch(sha256) for sha256, name in lines):
        raise not_as_stored(key)
    return lines


def not_as_stored(key: str) -> IntegrityError:
    """The error for an object whose bytes are others."""
    return IntegrityError(f"{key} is not what was stored: restore it from a backup, or remove it")
