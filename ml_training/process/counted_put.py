"""Stores bytes that a row will name: the database is asked before the put how many objects were removed so far.

The transaction that stores the row compares the number (`db/removals.py`): so no row names bytes that a sweeper removed
while they were stored.
"""

from collections.abc import Callable
from dataclasses import replace

from ml_training.db.engine import Database
from ml_training.db.removals import count_removals
from ml_training.storage.base import Storage, StoredObject


def counted_put(database: Database, put: Callable[[], StoredObject]) -> StoredObject:
    """What `put` has stored, with the number for its row; raises Unavailable, and what `put` raises."""
    with database.read() as connection:
        removals = count_removals(connection)
    return replace(put(), put_after=removals)


def counted_look(database: Database, storage: Storage, stored: StoredObject) -> StoredObject | None:
    """An object for one more row, with the number for that row; None when its bytes are damaged or gone.

    A look in place of the put: what is removed after it has a higher number, or none yet, and so the row is refused.
    """
    with database.read() as connection:
        removals = count_removals(connection)
    return replace(stored, put_after=removals) if storage.verify(stored.key, stored.sha256) else None
