"""Backs up a service that runs: all rows of one moment, and the objects that they name."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection

import ml_training
from ml_training.db.clock import read_clock
from ml_training.db.engine import Database
from ml_training.db.schema_version import head_revision
from ml_training.db.storage_identity import read_identity
from ml_training.db.storage_references import needed_objects
from ml_training.db.table_copies import Copied, copied_tables, last_ids, read_rows
from ml_training.maintenance.backup_files import (
    FORMAT,
    BackupFiles,
    FileEntry,
    Manifest,
    TableEntry,
    read_lines,
    write_lines,
)
from ml_training.maintenance.hold import held_sweeps
from ml_training.maintenance.object_copies import copy_object
from ml_training.storage.base import IntegrityError, Storage

Progress = Callable[[str, int, int], None]  # what is done, how far, of how many
MESSAGES = 20


class BackupFailed(Exception):
    """There is no whole backup; the message says why and what to do."""


def back_up(database: Database, storage: Storage, directory: Path, *, progress: Progress) -> Manifest:
    """Write a backup into a directory; one that was interrupted continues with the objects that are there.

    Raises BackupFailed, HoldLost, Unavailable, OSError. The service may run. Memory does not grow with the rows.
    """
    files = BackupFiles(directory)
    if files.exists():
        raise BackupFailed(f"{directory} holds a backup already: name another directory")
    with held_sweeps(database) as hold:
        # Rows that are stored later name objects of which these know nothing, and none of these rows' objects goes.
        with database.read() as connection:
            manifest = _write_rows(connection, files, progress)
        if manifest.storage is not None and storage.identity() != manifest.storage:
            raise BackupFailed(f"{storage.place} is not the storage {manifest.storage}, which belongs to the database")
        _copy_objects(storage, files, manifest.objects.lines, progress)
        hold.check()
    files.write_manifest(manifest)
    return manifest


def _write_rows(connection: Connection, files: BackupFiles, progress: Progress) -> Manifest:
    tables = copied_tables(connection)
    ids, entries = last_ids(connection, tables), {}
    for number, copied in enumerate(tables):
        progress("tables", number, len(tables))
        entries[copied.name] = _write_table(connection, files, copied, ids.get(copied.name))
    progress("tables", len(tables), len(tables))
    return Manifest(
        format=FORMAT,
        revision=head_revision(),
        version=ml_training.__version__,
        made_at=read_clock(connection),
        storage=read_identity(connection),
        tables=entries,
        objects=write_lines(files.objects, needed_objects(connection)),
    )


def _write_table(connection: Connection, files: BackupFiles, copied: Copied, last_id: int | None) -> TableEntry:
    written: FileEntry = write_lines(files.table(copied.name), read_rows(connection, copied))
    return TableEntry(sha256=written.sha256, lines=written.lines, columns=tuple(copied.columns), last_id=last_id)


def _copy_objects(storage: Storage, files: BackupFiles, count: int, progress: Progress) -> None:
    target, broken, failures = files.storage, 0, list[str]()
    for number, (what, key, sha256) in enumerate(_objects(files)):
        progress("objects", number, count)
        try:
            copy_object(storage, target, key, sha256=sha256)
        except IntegrityError as error:
            broken += 1
            failures = [*failures, f"{what}: {error}"][:MESSAGES]
    progress("objects", count, count)
    if broken:
        raise BackupFailed(
            f"the bytes of {broken} things are damaged or gone: restore or delete them, then back up again "
            f"({'; '.join(failures)})"
        )


def _objects(files: BackupFiles) -> Iterator[tuple[str, str, str]]:
    yield from read_lines(files.objects)
