"""Who asks the sweepers to wait: while somebody copies what rows name, no object may be removed."""

from sqlalchemy import Connection, delete, update

from ml_training.db.clock import read_clock
from ml_training.db.removals import lock_sweeps
from ml_training.db.storage_tables import sweep_holds
from ml_training.db.upsert import conflict_insert


def hold_sweeps(connection: Connection, holder: str, *, seconds: float) -> None:
    """Ask all sweepers to remove nothing for so long.

    After the COMMIT no object is removed that a row names: a removal that has begun was decided before, and no row can
    name its object any more.
    """
    lock_sweeps(connection)
    row = {"holder": holder, "valid_until": read_clock(connection) + seconds}
    insert = conflict_insert(connection.dialect.name, sweep_holds).values(**row)
    connection.execute(insert.on_conflict_do_update(index_elements=[sweep_holds.c.holder], set_=row))


def renew_hold(connection: Connection, holder: str, *, seconds: float) -> bool:
    """Ask for longer; False when the request has ended: then objects may have been removed."""
    lock_sweeps(connection)
    now = read_clock(connection)
    valid = sweep_holds.c.holder == holder, sweep_holds.c.valid_until > now
    return connection.execute(update(sweep_holds).where(*valid).values(valid_until=now + seconds)).rowcount == 1


def release_hold(connection: Connection, holder: str) -> None:
    """The sweepers may remove again; requests that have ended are deleted as well."""
    lapsed = sweep_holds.c.valid_until < read_clock(connection)
    connection.execute(delete(sweep_holds).where((sweep_holds.c.holder == holder) | lapsed))
