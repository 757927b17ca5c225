"""Removing stored objects that no row names, without a race against a new row that names one.

The key of an object is the hash of its content, so the bytes that a job has just stored may be those of an object that
the sweeper is removing. The age of the object does not help: a store may not say it, and looking and removing are two
steps. So both sides meet in the database:

1. The sweeper records a tombstone: since when it has seen the object without a row (`mark_unnamed`).
2. When that is long ago, one transaction looks for rows once more, and says that the sweep is removing the object
   (`begin_removals`). Then the store removes it. Then another transaction gives the removal the next number, 1, 2, ...
   (`end_removals`).
3. Who stores bytes reads before the put how many removals have ended (`count_removals`). The transaction that stores
   the row with the key (`keep_objects`) takes the mark away; it raises BytesRemoved when the object is being removed,
   or when a removal of it has ended with a higher number.

Why no row names removed bytes: the transactions of 2 and 3 exclude each other by a lock. If the row comes first, the
sweep sees it in its own look and removes nothing. If the sweep comes first, the row meets either the tombstone of a
removal that has not ended, or a number. A removal whose number is not higher had ended before the put began, so the
put has written the bytes again. All other puts may have found an object that was about to go, or files of it, and their
row is refused. Numbers are forgotten after a day (`forget_removals`), and a put that is older than the forgotten ones
is refused as well. No clock of another machine and no age of an object takes part in this.

What is left: a request to remove that reaches the store more than TAKE_OVER_SECONDS after the sweep has looked at its
own clock. By then another sweep may have ended this removal, and the bytes may have been stored again.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy import text as sql

from ml_training.db.clock import db_now, read_clock
from ml_training.db.storage_references import named_keys
from ml_training.db.storage_tables import storage_sweeps, sweep_holds, tombstones
from ml_training.db.upsert import conflict_insert

REMOVE_WITHIN_SECONDS = 60.0  # after `begin_removals`, by the clock of the process: later ones are given back
TAKE_OVER_SECONDS = 900.0  # a removal that has not ended by then is repeated by another sweep
REMEMBERED_SECONDS = 86_400.0
ADVISORY_LOCK = 0x6D6C5F73
_KEY = tombstones.c.key
_IS_WAITING = tombstones.c.unnamed_since.is_not(None)
_IS_REMOVED = tombstones.c.removal.is_not(None)
_IS_BEING_REMOVED = tombstones.c.removing_by.is_not(None)
_OF_KEYS = select(
    storage_sweeps.c.forgotten, _KEY, tombstones.c.unnamed_since, tombstones.c.removing_by, tombstones.c.removal
).select_from(storage_sweeps.outerjoin(tombstones, _KEY.in_(bindparam("keys", expanding=True))))


class BytesRemoved(Exception):
    """The stored bytes may be gone, or may go now: store them again, then the row."""


def count_removals(connection: Connection) -> int:
    """How many removals have ended; read it before a put."""
    return int(connection.execute(select(storage_sweeps.c.removals)).scalar_one())


def keep_objects(connection: Connection, keys: Collection[str], *, put_after: int | None) -> None:
    """Call it in the transaction that stores a row with these keys; raises BytesRemoved.

    put_after: what `count_removals` said before the bytes were stored. None: not known; then every removal that is
    remembered counts as a later one.
    """
    _lock(connection, "pg_advisory_xact_lock_shared")
    found = connection.execute(_OF_KEYS, {"keys": list(keys)}).all()
    for row in found:
        is_later = row.removal is not None and (put_after is None or row.removal > put_after)
        is_too_old = put_after is not None and row.forgotten > put_after
        if row.removing_by is not None or is_later or is_too_old:
            raise BytesRemoved(f"{row.key or 'the object'} was removed while it was stored")
    if any(row.unnamed_since is not None for row in found):
        _take_marks_away(connection, keys)


def mark_unnamed(connection: Connection, keys: Sequence[str]) -> None:
    """Record that no row names these objects, since now unless it is recorded; those that a row names lose the mark."""
    lock_sweeps(connection)
    named = named_keys(connection, keys)
    if named:
        _take_marks_away(connection, named)
    if unnamed := sorted(set(keys) - named):
        row = conflict_insert(connection.dialect.name, tombstones)
        since = func.coalesce(tombstones.c.unnamed_since, row.excluded.unnamed_since)
        mark = row.on_conflict_do_update(index_elements=[_KEY], set_={"unnamed_since": since})
        now = read_clock(connection)
        connection.execute(mark, [{"key": key, "unnamed_since": now} for key in unnamed])


def begin_removals(connection: Connection, *, sweep: str, older_than_seconds: float, limit: int) -> list[str]:
    """The keys of at most `limit` objects that this sweep must remove now: none that a row names.

    They have been without a row for longer than `older_than_seconds`, or another sweep has not ended their removal.
    Empty while somebody asks to wait (`hold_sweeps`).
    """
    lock_sweeps(connection)
    now = read_clock(connection)
    if connection.execute(select(sweep_holds.c.holder).where(sweep_holds.c.valid_until > now).limit(1)).first():
        return []
    abandoned = select(_KEY).where(_IS_BEING_REMOVED, tombstones.c.removing_since < now - TAKE_OVER_SECONDS)
    waiting = select(_KEY).where(~_IS_BEING_REMOVED, tombstones.c.unnamed_since < now - older_than_seconds)
    keys = list(connection.execute(abandoned.order_by(tombstones.c.removing_since).limit(limit)).scalars())
    keys += connection.execute(waiting.order_by(tombstones.c.unnamed_since).limit(limit - len(keys))).scalars()
    named = named_keys(connection, keys)
    if named:  # cannot be: `keep_objects` takes the mark away
        _take_marks_away(connection, named)
    if unnamed := [key for key in keys if key not in named]:
        begun = {"removing_by": sweep, "removing_since": now}
        connection.execute(update(tombstones).where(_KEY.in_(unnamed)).values(**begun))
    return unnamed


def end_removals(connection: Connection, keys: Collection[str], *, sweep: str) -> int:
    """The store has removed these: give their removal the next number; returns how many were still this sweep's."""
    lock_sweeps(connection)
    raised = update(storage_sweeps).values(removals=storage_sweeps.c.removals + 1)
    number = connection.execute(raised.returning(storage_sweeps.c.removals)).scalar_one()
    ended = {"removal": number, "removed_at": db_now(), "unnamed_since": None, **_NOT_BEING_REMOVED}
    mine = _KEY.in_(keys), tombstones.c.removing_by == sweep
    return connection.execute(update(tombstones).where(*mine).values(**ended)).rowcount


def give_back(connection: Connection, keys: Collection[str], *, sweep: str) -> None:
    """The sweep has not asked the store to remove these: the next one may."""
    mine = _KEY.in_(keys), tombstones.c.removing_by == sweep
    connection.execute(update(tombstones).where(*mine).values(**_NOT_BEING_REMOVED))


def forget_removals(connection: Connection, *, limit: int) -> int:
    """Remove the oldest tombstones of removals that ended a day ago; returns how many."""
    lock_sweeps(connection)
    old = tombstones.c.removed_at < read_clock(connection) - REMEMBERED_SECONDS
    oldest = select(_KEY).where(old, _IS_REMOVED).order_by(tombstones.c.removed_at).limit(limit)
    keys = list(connection.execute(oldest.where(~_IS_WAITING, ~_IS_BEING_REMOVED)).scalars())
    if not keys:
        return 0
    gone = connection.execute(delete(tombstones).where(_KEY.in_(keys)).returning(tombstones.c.removal)).scalars()
    highest = max(int(number or 0) for number in gone)
    lower = storage_sweeps.c.forgotten < highest
    connection.execute(update(storage_sweeps).where(lower).values(forgotten=highest))
    return len(keys)


def refuse_earlier_puts(connection: Connection) -> None:
    """No row is stored any more for bytes whose put began before now: the service gets another storage."""
    lock_sweeps(connection)
    number = storage_sweeps.c.removals + 1
    connection.execute(update(storage_sweeps).values(removals=number, forgotten=number))


def record_sweep(connection: Connection, *, started_at: float) -> None:
    """A sweep that began then has seen every object."""
    connection.execute(update(storage_sweeps).values(swept_at=started_at))


def last_sweep(connection: Connection) -> float:
    """When the last sweep began that has seen every object; before the first one, when the database was made."""
    return float(connection.execute(select(storage_sweeps.c.swept_at)).scalar_one())


def unnamed_since(connection: Connection, keys: Collection[str]) -> dict[str, float]:
    """Since when the sweeper knows that no row names these; without those of which it does not."""
    found = select(_KEY, tombstones.c.unnamed_since).where(_KEY.in_(keys), _IS_WAITING)
    return {row.key: float(row.unnamed_since) for row in connection.execute(found)}


_NOT_BEING_REMOVED = {"removing_by": None, "removing_since": None}


def _take_marks_away(connection: Connection, keys: Collection[str]) -> None:
    idle = _KEY.in_(keys), ~_IS_BEING_REMOVED
    connection.execute(delete(tombstones).where(*idle, ~_IS_REMOVED))
    connection.execute(update(tombstones).where(*idle, _IS_REMOVED).values(unnamed_since=None))


def lock_sweeps(connection: Connection) -> None:
    """Until the end of the transaction no other sweep begins, and no row that names an object is stored."""
    _lock(connection, "pg_advisory_xact_lock")


def _lock(connection: Connection, function: str) -> None:
    # On SQLite one transaction writes at a time. In memory, not in a row: each job that stores bytes takes it.
    if connection.dialect.name == "postgresql":
        connection.execute(sql(f"SELECT {function}(:key)"), {"key": ADVISORY_LOCK})
