"""Removes stored objects that no row names: of late attempts, refused uploads, deleted rows.

Why that never meets a new row for the same bytes: `ml_training/db/removals.py`.
"""

import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from ml_training.db import heartbeats, removals
from ml_training.db.clock import read_clock
from ml_training.db.storage_references import named_keys
from ml_training.logs import get_logger
from ml_training.services.resources import Resources

log = get_logger(__name__)
KEYS_TOGETHER = 500
TOMBSTONES = "0010"  # the schema from which on processes ask for tombstones when they store rows
REMOVALS_TOGETHER = 100  # as many as a store over a network removes within REMOVE_WITHIN_SECONDS


@dataclass(frozen=True, slots=True)
class Swept:
    """How many objects were seen and removed."""

    seen: int
    removed: int


def sweep_storage_once(resources: Resources, *, age_seconds: float) -> Swept:
    """Mark every object that no row names, and remove those that were marked more than `age_seconds` ago.

    Raises Unavailable, and removes nothing, in a storage that is not the database's: there no object has a row.
    """
    resources.require_storage()
    resources.storage.sweep_scratch(older_than=age_seconds)
    seen = _mark(resources)
    if older := _older_processes(resources):
        log.warning("storage_not_swept", older_processes=older, remedy="upgrade them, or stop them")
        return Swept(seen, 0)
    removed = 0
    while (batch := _remove_batch(resources, age_seconds=age_seconds)) is not None:
        removed += batch
    with resources.database.write() as connection:
        removals.forget_removals(connection, limit=KEYS_TOGETHER)
    if removed:
        log.info("storage_swept", seen=seen, removed=removed)
    return Swept(seen, removed)


def _older_processes(resources: Resources) -> list[str]:
    """Processes of a version that stores rows without a look at the tombstones: they run during an upgrade."""
    alive = resources.heartbeat_dead_seconds
    with resources.database.read() as connection:
        return heartbeats.older_processes(connection, schema=TOMBSTONES, within_seconds=alive)


def _mark(resources: Resources) -> int:
    """Record which objects no row names; returns how many objects there are."""
    seen = 0
    with resources.database.read() as connection:
        started_at = read_clock(connection)
    for keys in _batches((key for key, _ in resources.storage.list_keys()), KEYS_TOGETHER):
        seen += len(keys)
        with resources.database.read() as connection:
            named = named_keys(connection, keys)
        unnamed = [key for key in keys if key not in named]
        if unnamed:
            with resources.database.write() as connection:
                removals.mark_unnamed(connection, unnamed)
    with resources.database.write() as connection:
        removals.record_sweep(connection, started_at=started_at)
    return seen


def _remove_batch(resources: Resources, *, age_seconds: float) -> int | None:
    """Remove some objects; returns how many were there, None when there was nothing to do."""
    sweep, limit = uuid.uuid4().hex, time.monotonic() + removals.REMOVE_WITHIN_SECONDS
    with resources.database.write() as connection:
        keys = removals.begin_removals(connection, sweep=sweep, older_than_seconds=age_seconds, limit=REMOVALS_TOGETHER)
    if not keys:
        return None
    asked: list[str] = []
    unasked, removed = list(keys), 0
    try:
        for key in keys:
            resources.require_storage()  # again: a volume may have been exchanged since then
            if time.monotonic() > limit:
                break
            unasked.remove(key)
            removed += resources.storage.delete(key)
            asked.append(key)
    finally:
        _end(resources, sweep, removed=asked, unasked=unasked)
    return removed


def _end(resources: Resources, sweep: str, *, removed: list[str], unasked: list[str]) -> None:
    """Record what was removed. One that raised may be removed still: another sweep repeats it."""
    if not removed and not unasked:
        return
    with resources.database.write() as connection:
        if unasked:
            removals.give_back(connection, unasked, sweep=sweep)
        mine = removals.end_removals(connection, removed, sweep=sweep) if removed else 0
    if mine < len(removed):
        log.error("removal_taken_over", removed=len(removed), by_another_sweep=len(removed) - mine)


def _batches(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch
