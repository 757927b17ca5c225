"""Whether this process sees the storage that belongs to its database.

Two machines may use the same path for different directories: a volume that is not mounted, a data directory of one's
own. A process that sees other bytes than the rest of the service must neither run jobs nor write nor delete there. So
a storage has an id, and the database records it.

The id is recorded by the API with the first upload: what it stores first is by definition the right storage. A
database that is older than ids gets the id of a storage that holds one of its newest uploads, from any process.
"""

import time
import uuid
from contextlib import suppress

from ml_training.db.engine import Database
from ml_training.db.storage_identity import lock_identity, newest_uploads, read_identity, record_identity
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger
from ml_training.storage.base import KEY, Storage

log = get_logger(__name__)
RECORDED_SECONDS = 1.0  # only `storage copy --switch` changes it, while no process of the service runs
PROOFS = 20  # uploads to look for: some may be missing, or too new to be seen over a network
REMEDY = (
    "mount the directory that the API and all workers share, or set ML_TRAINING_DATA_DIR to it, or give all of them "
    "the same ML_TRAINING_STORAGE_URL; "
    "if this is a restored copy of it, write the id of the database into its file `identity`"
)


def storage_report(trouble: str | None) -> dict[str, object]:
    """What a process says in its heartbeat about its storage."""
    return {"storage_ok": trouble is None, "storage_trouble": trouble}


class StorageCheck:
    """Compares the ids at every call; that of the database is read again when it is RECORDED_SECONDS old."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._recorded: str | None = None
        self._read_at = -RECORDED_SECONDS
        self._told: str | None = None

    def trouble(self, *, may_begin: bool = False) -> str | None:
        """Why this process must not use its storage, in a sentence with the remedy; None when it may.

        may_begin: record the id of this storage when the database has none, and no data set yet. Raises Unavailable
        when the database is away. A change of the answer is logged.
        """
        found = self._compare(may_begin)
        if found != self._told:
            log.error("foreign_storage", reason=found) if found else log.info("storage_is_right_again")
            self._told = found
        return found

    def _compare(self, may_begin: bool) -> str | None:
        place = self._storage.place
        try:
            self._read_again()
            if self._recorded is None:
                self._recorded, uploads = self._first_use(may_begin)
                if self._recorded is None:
                    return f"{place} holds no data set of the database: {REMEDY}" if uploads else None
            found = self._storage.identity()
        except OSError as error:
            reason = error.strerror or str(error)
            said = reason.startswith(place)  # a bucket says what to do
            return reason if said else f"{place} cannot be read ({error}): repair the disk or the mount"
        if found == self._recorded:
            return None
        seen = f"the storage {found}" if found else "no storage of this service"
        return f"{place} is {seen}, and the database belongs to the storage {self._recorded}: {REMEDY}"

    def _read_again(self) -> None:
        """Read the id of the database again; without an answer the one from before counts: no row is stored now."""
        now = time.monotonic()
        if self._recorded is None or now < self._read_at + RECORDED_SECONDS:
            return
        with suppress(Unavailable), self._database.read() as connection:
            self._recorded, self._read_at = read_identity(connection), now

    def _first_use(self, may_begin: bool) -> tuple[str | None, list[str]]:
        """The id of the database, recorded now when this storage is the right one; and its newest uploads."""
        with self._database.read() as connection:
            recorded, named = read_identity(connection), newest_uploads(connection, limit=PROOFS)
        uploads = [key for key in named if KEY.fullmatch(key)]  # a damaged row is not the fault of the storage
        if recorded is None and (any(self._storage.has(key) for key in uploads) if uploads else may_begin):
            with self._database.write() as connection:
                # Of two first processes one would replace the id of the other where a bucket knows no conditions.
                lock_identity(connection)
                recorded = read_identity(connection)
                if recorded is None:
                    recorded = record_identity(connection, self._storage.ensure_identity(uuid.uuid4().hex))
        return recorded, uploads
