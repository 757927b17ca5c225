"""The id of the storage that belongs to this database: one row. Others are of storages that the service has left."""

from sqlalchemy import Connection, delete, func, select, update

from ml_training.db.clock import db_now
from ml_training.db.tables import datasets, storage_identity
from ml_training.db.upsert import conflict_insert

ONLY_ROW = 1
LOCK = 7_101_845_003  # of this service: no other lock of the database has this number
_READ = select(storage_identity.c.identity).where(storage_identity.c.id == ONLY_ROW)


def read_identity(connection: Connection) -> str | None:
    """The id; None while no process has used the storage of this database."""
    return connection.execute(_READ).scalar()


def lock_identity(connection: Connection) -> None:
    """Let no other process choose a storage before the end of this transaction, which must be one that writes."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


def record_identity(connection: Connection, identity: str) -> str:
    """Record the id unless there is one; the one that is there now. Of processes that call it at once, one wins."""
    row = conflict_insert(connection.dialect.name, storage_identity).values(
        id=ONLY_ROW, identity=identity, created_at=db_now()
    )
    connection.execute(row.on_conflict_do_nothing())
    return read_identity(connection) or identity


def is_former(connection: Connection, identity: str) -> bool:
    """Whether it is the id of a storage that this service has left."""
    left = storage_identity.c.id != ONLY_ROW, storage_identity.c.identity == identity
    return connection.execute(select(storage_identity.c.id).where(*left).limit(1)).first() is not None


def replace_identity(connection: Connection, identity: str) -> None:
    """The database belongs to another storage from now on; the one before becomes a former one."""
    last = connection.execute(select(func.max(storage_identity.c.id))).scalar() or 0
    connection.execute(delete(storage_identity).where(storage_identity.c.identity == identity))
    connection.execute(update(storage_identity).where(storage_identity.c.id == ONLY_ROW).values(id=last + 1))
    record_identity(connection, identity)


def newest_uploads(connection: Connection, *, limit: int) -> list[str]:
    """The keys of the newest uploads that the storage of this database must hold."""
    newest = select(datasets.c.raw_key).where(datasets.c.deleted_at.is_(None)).order_by(datasets.c.id.desc())
    return list(connection.execute(newest.limit(limit)).scalars())
