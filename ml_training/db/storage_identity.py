"""The id of the storage that belongs to this database: one row, written once, never changed."""

from sqlalchemy import Connection, select

from ml_training.db.clock import db_now
from ml_training.db.tables import datasets, storage_identity
from ml_training.db.upsert import conflict_insert

ONLY_ROW = 1
_READ = select(storage_identity.c.identity).where(storage_identity.c.id == ONLY_ROW)


def read_identity(connection: Connection) -> str | None:
    """The id; None while no process has used the storage of this database."""
    return connection.execute(_READ).scalar()


def record_identity(connection: Connection, identity: str) -> str:
    """Record the id unless there is one; the one that is there now. Of processes that call it at once, one wins."""
    row = conflict_insert(connection.dialect.name, storage_identity).values(
        id=ONLY_ROW, identity=identity, created_at=db_now()
    )
    connection.execute(row.on_conflict_do_nothing())
    return read_identity(connection) or identity


def newest_uploads(connection: Connection, *, limit: int) -> list[str]:
    """The keys of the newest uploads that the storage of this database must hold."""
    newest = select(datasets.c.raw_key).where(datasets.c.deleted_at.is_(None)).order_by(datasets.c.id.desc())
    return list(connection.execute(newest.limit(limit)).scalars())
