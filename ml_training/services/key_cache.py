"""The valid keys in the memory of this process, so that a request is authenticated without a statement.

They are looked at again once they are a second old, by a request that finds them so: one statement on one row, and
all keys only when that row has changed. While the database is away the last keys that were read stay valid: the
service does not open, and nobody is locked out.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ml_training.db import keys
from ml_training.db.engine import Database
from ml_training.domain.api_keys import StoredKey
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger

log = get_logger(__name__)
FRESH_SECONDS = 1.0
# Between these ages one request reads again and the others use the old ones: above the second one, all wait for it.
STALE_SECONDS = 2.0
NEW_KEY_SECONDS = 0.2  # a key that was made this long ago is known: before a refusal the keys are looked at again
USE_WRITTEN_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """The keys that are not revoked, by id, as they were at a moment. exists: whether there has ever been a key."""

    keys: Mapping[str, StoredKey]
    exists: bool
    changes: int
    ahead: float  # the database's clock minus this process's monotonic one

    def now(self, monotonic: float) -> float:
        """The time by the database's clock."""
        return monotonic + self.ahead


class KeyCache:
    """Keys of one process; thread-safe. clock: monotonic seconds."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshot: KeySnapshot | None = None
        self._looked_at = -math.inf
        self._used: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def read(self, *, fresh: float = FRESH_SECONDS) -> KeySnapshot:
        """The keys, at most about `fresh` seconds old; raises Unavailable only when they could never be read."""
        age = self._clock() - self._looked_at
        if self._snapshot is not None and age < fresh:
            return self._snapshot
        if self._lock.acquire(blocking=self._snapshot is None or age > STALE_SECONDS):
            try:
                if self._snapshot is None or self._clock() - self._looked_at >= fresh:
                    self._look()
            finally:
                self._lock.release()
        if self._snapshot is None:
            raise Unavailable("the keys cannot be read: the database is away", retry_after=2)
        return self._snapshot

    def note_use(self, key: StoredKey, at: float) -> None:
        """Remember that a key was used, at Unix seconds of the database's clock."""
        self._used[key.key_id] = at

    def write_uses(self) -> None:
        """Store when keys were last used, of each key once a minute at most; raises Unavailable.

        A thread of its own calls this: no request waits for it.
        """
        now = self._clock()
        due = {
            key_id: at
            for key_id, at in list(self._used.items())
            if now - self._written.get(key_id, -math.inf) >= USE_WRITTEN_EVERY_SECONDS
        }
        if not due:
            return
        with self._database.write() as connection:
            keys.record_uses(connection, due)
        for key_id in due:
            self._written[key_id] = now
            del self._used[key_id]  # one that came in the meantime is written a minute later, if at all

    def forget(self) -> None:
        """Look at the keys again with the next request: this process has just changed them."""
        self._looked_at = -math.inf

    def _look(self) -> None:
        try:
            self._snapshot = self._newer(self._snapshot)
        except Unavailable as error:
            log.warning("keys_not_read", error=str(error))
        finally:
            self._looked_at = self._clock()

    def _newer(self, last: KeySnapshot | None) -> KeySnapshot:
        with self._database.read() as connection:
            changes, now = keys.read_changes(connection)
            is_same = last is not None and changes == last.changes
            found = last.keys if last is not None and is_same else keys.valid_keys(connection)
        return KeySnapshot(found, changes > 0, changes, now - self._clock())
