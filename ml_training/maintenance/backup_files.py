"""The files of a backup: one of JSON lines for each table, the list of objects, and a manifest with all hashes.

    manifest.json          written last: a directory without it is no backup
    tables/<name>.jsonl.gz one row a line, a list of values in the order of the manifest's columns
    objects.jsonl.gz       one object a line: [what it is, key, SHA-256]
    storage/               the objects, as in the data directory

Any tool can read it.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ml_training.storage.fsync import fsync
from ml_training.storage.local import LocalStorage

FORMAT = 1
MANIFEST = "manifest.json"
OBJECTS = "objects.jsonl.gz"
CHUNK = 1 << 20
LEVEL = 1  # higher ones take much longer and save little


class BackupDamaged(Exception):
    """The backup is not what was written; the message says which file."""


class FileEntry(BaseModel):
    """A file of the backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: str
    lines: int


class TableEntry(FileEntry):
    """The file of a table."""

    columns: tuple[str, ...]
    last_id: int | None  # the last id that the table has given, also of a row that is gone


class Manifest(BaseModel):
    """What a backup holds; revision: the newest migration of its database."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int
    revision: str
    version: str
    made_at: float  # Unix seconds by the clock of the database
    storage: str | None  # the id of the storage that was backed up
    tables: dict[str, TableEntry]
    objects: FileEntry


@dataclass(frozen=True, slots=True)
class BackupFiles:
    """The directory of a backup."""

    root: Path

    @property
    def storage(self) -> LocalStorage:
        """Its objects."""
        return LocalStorage(self.root / "storage")

    def table(self, name: str) -> Path:
        """The file of a table."""
        return self.root / "tables" / f"{name}.jsonl.gz"

    @property
    def objects(self) -> Path:
        """The list of objects."""
        return self.root / OBJECTS

    def exists(self) -> bool:
        """Whether there is a whole backup."""
        return (self.root / MANIFEST).exists()

    def write_manifest(self, manifest: Manifest) -> None:
        """Make the backup whole; it survives a power cut afterwards."""
        content = manifest.model_dump(mode="json")
        document = {**content, "sha256": _digest(content)}
        temporary = self.root / f"{MANIFEST}.new"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.root / MANIFEST)
        for directory in (self.root / "tables", self.root):
            fsync(directory)

    def read_manifest(self) -> Manifest:
        """The manifest; raises BackupDamaged."""
        path = self.root / MANIFEST
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            claimed = document.pop("sha256")
            if document.get("format") != FORMAT:
                raise BackupDamaged(f"{path}: format {document.get('format')}, this version reads {FORMAT}")
            manifest = Manifest.model_validate(document)
        except FileNotFoundError:
            raise BackupDamaged(f"{self.root} holds no whole backup: {MANIFEST} is missing") from None
        except (ValueError, KeyError, AttributeError, ValidationError) as error:
            raise BackupDamaged(f"{path} cannot be read: {error}") from None
        if _digest(manifest.model_dump(mode="json")) != claimed:
            raise BackupDamaged(f"{path} is not what was written")
        return manifest


def write_lines(path: Path, values: Iterable[Any]) -> FileEntry:
    """Write each value as a line of JSON; the file is on the disk at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = 0
    with path.open("wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=LEVEL, mtime=0) as file:
            for value in values:
                file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
                lines += 1
        raw.flush()
        os.fsync(raw.fileno())
    return FileEntry(sha256=file_hash(path), lines=lines)


def read_lines(path: Path) -> Iterator[Any]:
    """The values; a few are in memory at a time. Call it for a file whose hash is right."""
    with gzip.open(path, "rb") as file:
        for line in file:
            yield json.loads(line)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file; raises BackupDamaged when it is missing."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BackupDamaged(f"{path} is missing") from None


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
