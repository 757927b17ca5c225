"""Whether due jobs wait although there are free slots: bounded reads of the indexes that claims use."""

from sqlalchemy import ColumnElement, Connection, func, select

from ml_training.db.claims import DELAYED, UNDELAYED, count_due
from ml_training.db.clock import NOW
from ml_training.db.heartbeats import taking_workers
from ml_training.db.jobs import RUNNING, ended_since
from ml_training.db.tables import jobs


def untaken_slots(connection: Connection, *, seconds: float, alive_seconds: float) -> int:
    """How many slots were free for `seconds` beside a job that was due all the time; 0 when all is well.

    alive_seconds: a worker counts if it was seen within this time. When a job was claimed or has ended in the last
    `seconds`, the free slots are taken to be new.
    """
    if not any(_is_due_since(connection, kind, seconds) for kind in (UNDELAYED, DELAYED)):
        return 0
    if not count_due(connection, at_most=1):  # those that wait belong to projects that run as many as they may
        return 0
    workers = [
        worker for worker in taking_workers(connection, alive_seconds) if worker.seen_at - worker.started_at > seconds
    ]
    # Every running job has a lease: the condition makes SQLite take the small index of the leases.
    run = select(func.count(), func.max(jobs.c.attempt_started_at) > NOW - seconds)
    busy, is_claimed = connection.execute(run.where(RUNNING, jobs.c.lease_until > 0)).one()
    if is_claimed or ended_since(connection, seconds, at_most=1, of_all=True):
        return 0
    return max(0, sum(int(worker.body["slots"]) for worker in workers) - int(busy))


def _is_due_since(connection: Connection, kind: ColumnElement[bool], seconds: float) -> bool:
    found = select(jobs.c.id).where(kind, jobs.c.run_after <= NOW - seconds).limit(1)
    return connection.execute(found).first() is not None
