"""What a job may take of a slot: by the heartbeats of the workers, or by the settings while none is alive."""

import threading
import time
from dataclasses import dataclass, field

from ml_training.db import heartbeats
from ml_training.db.engine import Database

KEPT_SECONDS = 2.0  # workers write their heartbeats less often


@dataclass(frozen=True, slots=True)
class Slot:
    """memory: bytes that a job may take above what its process begins with; threads: the most that it may use."""

    memory: int
    threads: int


@dataclass(slots=True)
class Slots:
    """Which slot every job must fit into: the smallest one, since any worker may claim the job. Thread-safe.

    configured: while no worker is alive; None: then no job is refused for its memory.
    """

    configured: Slot | None
    _found: Slot | None = None
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def smallest(self, database: Database, *, within_seconds: float) -> Slot | None:
        """The slot; workers of an older version of the service, which do not say how large theirs are, do not count.

        Raises Unavailable. The database is read at most every KEPT_SECONDS: each submission asks.
        """
        with self._lock:
            if time.monotonic() < self._until:
                return self._found
        with database.read() as connection:
            bodies = heartbeats.taking_bodies(connection, within_seconds=within_seconds)
        sizes = [
            Slot(int(body["job_memory_bytes"]), int(body.get("threads", 1)))
            for body in bodies
            if body.get("job_memory_bytes")
        ]
        smallest = min((size.memory for size in sizes), default=None)
        found = self.configured if smallest is None else Slot(smallest, max(size.threads for size in sizes))
        with self._lock:
            self._found, self._until = found, time.monotonic() + KEPT_SECONDS
        return found
