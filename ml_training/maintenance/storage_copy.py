"""Moves a service from one storage to another: copies while it runs, then switches while it is stopped.

A switch registers another storage in the database: processes that still see the old one take no job and no upload from
then on (`process/storage_check.py`). The old storage is not changed, and remembered as a former one of this service, so
that the way back is the same command.
"""

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from ml_training.db.engine import Database
from ml_training.db.heartbeats import KINDS, list_heartbeats
from ml_training.db.removals import refuse_earlier_puts
from ml_training.db.storage_identity import is_former, read_identity, replace_identity
from ml_training.db.storage_references import needed_objects
from ml_training.maintenance.backup_files import read_lines, write_lines
from ml_training.maintenance.hold import held_sweeps
from ml_training.maintenance.object_copies import copy_object
from ml_training.storage.base import IntegrityError, Storage

Progress = Callable[[str, int, int], None]
MESSAGES = 20
PASSES = 5  # without a switch: each copies what came in during the one before


class CopyRefused(Exception):
    """Nothing was switched; the message says why and what to do."""


@dataclass(slots=True)
class CopyReport:
    """What was copied; `objects` counts a thing for each row that names it."""

    objects: int = 0
    copied: int = 0
    copied_bytes: int = 0
    identity: str | None = None  # of the storage that the database belongs to from now on, after a switch


def copy_storage(
    database: Database, source: Storage, target: Storage, *, switch: bool, alive_seconds: float, progress: Progress
) -> CopyReport:
    """Copy every object that rows name, and, with `switch`, make `target` the storage of the service.

    The service may run, but not with `switch`. An interrupted copy is continued. Raises CopyRefused, HoldLost,
    Unavailable, OSError.
    """
    _check(database, source, target, switch=switch, alive_seconds=alive_seconds)
    report = CopyReport()
    with held_sweeps(database) as hold:
        for _ in range(PASSES):
            before = report.copied
            _copy_once(database, source, target, report, progress)
            if report.copied == before:
                break
        if switch:
            _verify(database, target, progress)
            hold.check()
            _check(database, source, target, switch=True, alive_seconds=alive_seconds)
            report.identity = target.ensure_identity(uuid.uuid4().hex)
            with database.write() as connection:
                refuse_earlier_puts(connection)
                replace_identity(connection, report.identity)
            # Rows of a process that had started since the check; whoever starts now sees the new id.
            _copy_once(database, source, target, report, progress)
    return report


def _check(database: Database, source: Storage, target: Storage, *, switch: bool, alive_seconds: float) -> None:
    with database.read() as connection:
        recorded = read_identity(connection)
        found, own = target.identity(), source.identity()
        is_known = found is None or is_former(connection, found)
        alive = _alive(connection, alive_seconds) if switch else []
    if recorded is None:
        raise CopyRefused("the database belongs to no storage yet: nothing was ever uploaded")
    if found == recorded:
        raise CopyRefused(f"{target.place} is the storage of this service already")
    if own != recorded:
        raise CopyRefused(f"{source.place} is the storage {own}, and the database belongs to the storage {recorded}")
    if not is_known:
        raise CopyRefused(f"{target.place} belongs to another service: name an empty storage")
    if alive:
        raise CopyRefused(f"stop the service first, then switch: {', '.join(alive)} still run")


def _alive(connection: Connection, seconds: float) -> list[str]:
    return [row.process for kind in KINDS for row in list_heartbeats(connection, kind=kind, within_seconds=seconds)]


def _copy_once(database: Database, source: Storage, target: Storage, report: CopyReport, progress: Progress) -> None:
    """Copy what the rows of this moment name; the list is in a file, so that no transaction waits for a storage."""
    failures, broken = list[str](), 0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "objects.jsonl.gz"
        with database.read() as connection:
            report.objects = write_lines(path, needed_objects(connection)).lines
        for number, (what, key, sha256) in enumerate(read_lines(path)):
            progress("copied", number, report.objects)
            try:
                copied = copy_object(source, target, key, sha256=sha256)
            except IntegrityError as error:
                broken += 1
                failures = [*failures, f"{what}: {error}"][:MESSAGES]
                continue
            report.copied += copied > 0
            report.copied_bytes += copied
    progress("copied", report.objects, report.objects)
    if broken:
        raise CopyRefused(
            f"the bytes of {broken} things are damaged or gone: restore or delete them, then repeat the command "
            f"({'; '.join(failures)})"
        )


def _verify(database: Database, target: Storage, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path, wrong = Path(directory) / "objects.jsonl.gz", list[str]()
        with database.read() as connection:
            count = write_lines(path, needed_objects(connection)).lines
        for number, (what, key, sha256) in enumerate(read_lines(path)):
            progress("checked", number, count)
            if len(wrong) < MESSAGES and not target.verify(key, sha256):
                wrong.append(f"{what} ({key})")
        progress("checked", count, count)
    if wrong:
        raise CopyRefused(f"{target.place} has damaged objects, delete them and repeat the command: {'; '.join(wrong)}")
