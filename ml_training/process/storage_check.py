"""Whether this process sees the storage that belongs to its database.

Two machines may use the same path for different directories: a volume that is not mounted, a data directory of one's
own. A process that sees other bytes than the rest of the service must neither run jobs nor write nor delete there. So
a storage has an id, and the database records it.

The id is recorded by the API with the first upload: what it stores first is by definition the right storage. A
database that is older than ids gets the id of a storage that holds one of its newest uploads, from any process.
"""

import uuid

from ml_training.db.engine import Database
from ml_training.db.storage_identity import newest_uploads, read_identity, record_identity
from ml_training.logs import get_logger
from ml_training.storage.base import KEY, Storage

log = get_logger(__name__)
PROOFS = 20  # uploads to look for: some may be missing, or too new to be seen over a network
REMEDY = (
    "mount the directory that the API and all workers share, or set ML_TRAINING_DATA_DIR to it; "
    "if this is a restored copy of it, write the id of the database into its file `identity`"
)


def storage_report(trouble: str | None) -> dict[str, object]:
    """What a process says in its heartbeat about its storage."""
    return {"storage_ok": trouble is None, "storage_trouble": trouble}


class StorageCheck:
    """Compares the ids at every call; that of the database is read until it is there, then kept: it never changes."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._recorded: str | None = None
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
            if self._recorded is None:
                self._recorded, uploads = self._first_use(may_begin)
                if self._recorded is None:
                    return f"{place} holds no data set of the database: {REMEDY}" if uploads else None
            found = self._storage.identity()
        except OSError as error:
            return f"{place} cannot be read ({error}): repair the disk or the mount"
        if found == self._recorded:
            return None
        seen = f"the storage {found}" if found else "no storage of this service"
        return f"{place} is {seen}, and the database belongs to the storage {self._recorded}: {REMEDY}"

    def _first_use(self, may_begin: bool) -> tuple[str | None, list[str]]:
        """The id of the database, recorded now when this storage is the right one; and its newest uploads."""
        with self._database.read() as connection:
            recorded, named = read_identity(connection), newest_uploads(connection, limit=PROOFS)
        uploads = [key for key in named if KEY.fullmatch(key)]  # a damaged row is not the fault of the storage
        if recorded is None and (any(self._storage.has(key) for key in uploads) if uploads else may_begin):
            own = self._storage.ensure_identity(uuid.uuid4().hex)
            with self._database.write() as connection:
                recorded = record_identity(connection, own)
        return recorded, uploads
