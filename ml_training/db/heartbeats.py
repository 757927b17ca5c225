"""Every statement about heartbeats: one row per process, from which others see that it is alive."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select, update

from ml_training.db.clock import NOW, db_now
from ml_training.db.tables import heartbeats
from ml_training.db.upsert import conflict_insert
from ml_training.domain.records import Heartbeat

KINDS = ("api", "worker", "maintenance")


def write_heartbeat(
    connection: Connection, *, process: str, kind: str, body: dict[str, Any], is_new: bool = False
) -> None:
    """Record that `process` is alive now; the first call sets `started_at`. `draining` does not change.

    is_new: the process has just started; a row of an earlier process with the same name, such as a restarted
    container, is replaced.
    """
    if is_new:
        delete_heartbeat(connection, process)
    statement = conflict_insert(connection.dialect.name, heartbeats).values(
        process=process, kind=kind, started_at=db_now(), seen_at=db_now(), draining=False, body=body
    )
    statement = statement.on_conflict_do_update(
        index_elements=[heartbeats.c.process], set_={"seen_at": db_now(), "body": body}
    )
    connection.execute(statement)


def mark_draining(connection: Connection, process: str) -> bool:
    """Ask every job that `process` runs to be handed back, and let it take no other; False: there is no such row."""
    asked = update(heartbeats).where(heartbeats.c.process == process).values(draining=True)
    return connection.execute(asked).rowcount == 1


def list_heartbeats(connection: Connection, *, kind: str, within_seconds: float) -> list[Heartbeat]:
    """The processes of `kind` seen within the last `within_seconds`."""
    seen = select(heartbeats).where(heartbeats.c.kind == kind, heartbeats.c.seen_at > NOW - within_seconds)
    return [Heartbeat(**row) for row in connection.execute(seen.order_by(heartbeats.c.process)).mappings()]


def delete_heartbeat(connection: Connection, process: str) -> None:
    """Remove the row of a process that ends in order."""
    connection.execute(delete(heartbeats).where(heartbeats.c.process == process))


def delete_old_heartbeats(connection: Connection, *, older_than_seconds: float) -> int:
    """Remove the rows of processes that ended long ago; returns how many."""
    old = delete(heartbeats).where(heartbeats.c.seen_at < NOW - older_than_seconds)
    return connection.execute(old).rowcount


def older_processes(connection: Connection, *, schema: str, within_seconds: float) -> list[str]:
    """The living processes whose code is older than this schema."""
    return [
        row.process
        for kind in KINDS
        for row in list_heartbeats(connection, kind=kind, within_seconds=within_seconds)
        if str(row.body.get("schema", "")) < schema
    ]


def has_other_worker(connection: Connection, process: str, *, within_seconds: float) -> bool:
    """Whether another living worker takes jobs."""
    return any(row.process != process for row in taking_workers(connection, within_seconds))


def count_slots(connection: Connection, *, within_seconds: float) -> int:
    """The number of slots of all living workers that take jobs."""
    return sum(int(row.body["slots"]) for row in taking_workers(connection, within_seconds))


def taking_bodies(connection: Connection, *, within_seconds: float) -> list[Mapping[str, Any]]:
    """What the living workers that take jobs say of themselves."""
    return [row.body for row in taking_workers(connection, within_seconds)]


def storage_troubles(connection: Connection, *, within_seconds: float, kinds: Iterable[str] = KINDS) -> dict[str, str]:
    """The living processes that see another storage than the database's: their names, and what each one says."""
    return {
        row.process: str(row.body["storage_trouble"])
        for kind in kinds
        for row in list_heartbeats(connection, kind=kind, within_seconds=within_seconds)
        if row.body.get("storage_trouble")
    }


def taking_workers(connection: Connection, within_seconds: float) -> list[Heartbeat]:
    """The living workers that are not draining, and see the right storage: the others report no slot."""
    alive = list_heartbeats(connection, kind="worker", within_seconds=within_seconds)
    return [row for row in alive if not row.draining and row.body.get("slots", 0)]
