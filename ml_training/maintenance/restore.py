"""Restores a backup onto an empty service, whichever of the two databases it has."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from ml_training.db.changes import start_over
from ml_training.db.engine import Database
from ml_training.db.migrate import migrate
from ml_training.db.schema_version import check_schema, head_revision, schema_version
from ml_training.db.storage_identity import record_identity
from ml_training.db.table_copies import (
    Copied,
    RowWriter,
    copied_tables,
    filling,
    lock_tables,
    requeue_running,
    set_last_ids,
    tables_with_rows,
)
from ml_training.domain.specs import JobType
from ml_training.execution import transitions
from ml_training.execution.transitions import AttemptFence
from ml_training.maintenance.backup import Progress
from ml_training.maintenance.backup_files import BackupDamaged, BackupFiles, Manifest, file_hash, read_lines
from ml_training.maintenance.object_copies import copy_object
from ml_training.storage.base import Storage

MESSAGES = 20
ROW_BYTES_TOGETHER = 4_000_000


class RestoreRefused(Exception):
    """Nothing was changed; the message says why and what to do."""


def restore(
    database: Database, storage: Storage, directory: Path, *, same_storage: bool = False, progress: Progress
) -> Manifest:
    """Fill an empty database and a storage; all rows in one transaction, after all bytes.

    same_storage: the storage is the one that was backed up, and its database is lost. Raises RestoreRefused or
    BackupDamaged before anything is changed; Unavailable or OSError, and then the database is still empty, and the
    command can be repeated.
    """
    files = BackupFiles(directory)
    manifest = files.read_manifest()
    _check_version(manifest)
    _check_files(files, manifest, progress)
    _check_target(database, storage, manifest, same_storage=same_storage)
    for number, (_, key, sha256) in enumerate(read_lines(files.objects)):
        progress("objects", number, manifest.objects.lines)
        copy_object(files.storage, storage, key, sha256=sha256)
    progress("objects", manifest.objects.lines, manifest.objects.lines)
    with database.change_schema() as connection:
        _restore_rows(connection, files, manifest, progress)
        # The last step: a restore that was interrupted before it can be repeated with this storage.
        record_identity(connection, storage.ensure_identity(uuid.uuid4().hex))
    return manifest


def _restore_rows(connection: Connection, files: BackupFiles, manifest: Manifest, progress: Progress) -> None:
    tables = copied_tables(connection)
    lock_tables(connection, tables)
    _check_empty(connection, tables)  # again: a process of the service may have come since then
    with filling(connection, tables):
        for number, copied in enumerate(tables):
            progress("tables", number, len(tables))
            _fill(connection, files, copied, manifest.tables[copied.name].lines)
    last = {name: entry.last_id for name, entry in manifest.tables.items() if entry.last_id is not None}
    set_last_ids(connection, tables, last)
    start_over(connection)
    for job_id, attempt, job_type, dataset_id in requeue_running(connection):
        transitions.cancel(connection, AttemptFence(job_id, attempt, JobType(job_type), dataset_id))
    progress("tables", len(tables), len(tables))


def _check_empty(connection: Connection, tables: Sequence[Copied]) -> None:
    if filled := tables_with_rows(connection, tables):
        raise RestoreRefused(f"the database is not empty (it has {', '.join(filled)}): name an empty one")


def _check_version(manifest: Manifest) -> None:
    if manifest.revision != head_revision():
        raise RestoreRefused(
            f"the backup has schema {manifest.revision}, this version needs {head_revision()}: restore it with version "
            f"{manifest.version} of the service, then upgrade"
        )


def _check_target(database: Database, storage: Storage, manifest: Manifest, *, same_storage: bool) -> None:
    """Raise RestoreRefused unless the target is empty; a database without any table is migrated."""
    with database.read() as connection:
        is_new = schema_version(connection).revision is None
    if is_new:
        migrate(database)
    check_schema(database, exactly=True)
    with database.read() as connection:
        tables = copied_tables(connection)
        _check_empty(connection, tables)
    expected = {copied.name: tuple(copied.columns) for copied in tables}
    if expected != {name: entry.columns for name, entry in manifest.tables.items()}:
        raise RestoreRefused(f"the backup was made by another version of the service: use {manifest.version}")
    found = storage.identity()
    if found is not None and not (same_storage and found == manifest.storage):
        raise RestoreRefused(
            f"{storage.place} belongs to a service already: name an empty storage, "
            "or, if its database is lost and this is its backup, use --same-storage"
        )


def _check_files(files: BackupFiles, manifest: Manifest, progress: Progress) -> None:
    """Raise BackupDamaged unless every file and every object has its hash."""
    entries = {files.table(name): entry.sha256 for name, entry in manifest.tables.items()}
    damaged = [str(path) for path, sha256 in entries.items() if file_hash(path) != sha256]
    if file_hash(files.objects) != manifest.objects.sha256:
        raise BackupDamaged(f"{files.objects} is not what was written")
    storage = files.storage
    for number, (what, key, sha256) in enumerate(read_lines(files.objects)):
        progress("checked", number, manifest.objects.lines)
        if len(damaged) < MESSAGES and not storage.verify(key, sha256):
            damaged.append(f"{what} ({key})")
    progress("checked", manifest.objects.lines, manifest.objects.lines)
    if damaged:
        raise BackupDamaged(f"the backup is damaged, nothing was changed: {'; '.join(damaged)}")


def _fill(connection: Connection, files: BackupFiles, copied: Copied, count: int) -> None:
    writer, written = RowWriter(connection, copied), 0
    for rows in _batches(read_lines(files.table(copied.name)), writer.rows_together):
        writer.write(rows)
        written += len(rows)
    if written != count:
        raise BackupDamaged(f"{copied.name} has {written} rows instead of {count}")


def _batches(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """At most `size` rows, or fewer when they are long."""
    while batch := list(islice(rows, 1)):
        length = len(str(batch[0]))
        while len(batch) < size and length < ROW_BYTES_TOGETHER and (more := list(islice(rows, 1))):
            batch += more
            length += len(str(more[0]))
        yield batch
