"""Checkpoints of a running job: bytes first, then a fenced row; the next attempt resumes from the newest intact one."""

import time

from ml_training.db import checkpoints, jobs
from ml_training.db.engine import Database
from ml_training.db.removals import BytesRemoved
from ml_training.domain.errors import Unavailable
from ml_training.execution import transitions
from ml_training.execution.transitions import AttemptFence
from ml_training.logs import get_logger
from ml_training.process.counted_put import counted_put
from ml_training.storage.base import IntegrityError, ObjectKind, Storage

log = get_logger(__name__)


class JobCheckpoints:
    """Stores the checkpoints of one attempt; only the training thread calls it."""

    def __init__(self, fence: AttemptFence, *, database: Database, storage: Storage, every: float) -> None:
        self._fence = fence
        self._database = database
        self._storage = storage
        self._every = every
        self._kept = time.monotonic()

    def is_due(self) -> bool:
        """Whether `every` seconds have passed since the last one, or since the start of the attempt."""
        return time.monotonic() - self._kept >= self._every

    def keep(self, data: bytes, *, done: int) -> None:
        """Store one. After a failure the training continues; only the work since the last one is at risk."""
        fence = self._fence
        try:
            stored = counted_put(self._database, lambda: self._storage.put_bytes(ObjectKind.CHECKPOINT, data))
            with self._database.write() as connection:
                if jobs.lock_attempt(connection, job_id=fence.job_id, attempt=fence.attempt) is None:
                    transitions.count_refusal(connection, fence, "checkpoint")
                    return
                checkpoints.insert_checkpoint(
                    connection,
                    job_id=fence.job_id,
                    attempt=fence.attempt,
                    done=done,
                    key=stored.key,
                    sha256=stored.sha256,
                    bytes=stored.size,
                    put_after=stored.put_after,
                )
        except (Unavailable, OSError, BytesRemoved) as error:
            log.warning("checkpoint_not_kept", error=str(error))
        else:
            log.info("checkpoint_kept", done=done, size=stored.size)
        self._kept = time.monotonic()


def load_checkpoint(database: Database, storage: Storage, job_id: int) -> bytes | None:
    """The newest checkpoint of a job whose bytes are intact; None when there is none."""
    with database.read() as connection:
        rows = checkpoints.list_checkpoints(connection, job_id)
    for row in rows:
        try:
            return storage.read_bytes(row.key, sha256=row.sha256)
        except IntegrityError as error:
            log.warning("checkpoint_damaged", done=row.done, error=str(error))
    return None
