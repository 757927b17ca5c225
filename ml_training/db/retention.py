"""Forgets what ended long ago; the counters stand in the ledger and stay."""

from sqlalchemy import Connection, delete, select

from ml_training.db.clock import db_now
from ml_training.db.tables import idempotency_keys, jobs


def forget_jobs(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Delete up to `limit` jobs that ended longer ago, the oldest first, with their journals; returns how many.

    Their results stay: a model, a test result or a comparison is no job.
    """
    old = (
        select(jobs.c.id)
        .where(jobs.c.finished_at < db_now() - older_than_seconds)
        .order_by(jobs.c.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(old).scalars())
    return connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount if ids else 0


def forget_keys(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Delete the keys, up to `limit` looked at, none of whose jobs is left; returns how many.

    A key lives as long as its rows; one that is younger than they may become is not looked at.
    """
    query = (
        select(idempotency_keys.c.key, idempotency_keys.c.outcome)
        .where(idempotency_keys.c.created_at < db_now() - older_than_seconds)
        .order_by(idempotency_keys.c.created_at)
        .limit(limit)
    )
    kept = {row.key: [item["job_id"] for item in row.outcome if "job_id" in item] for row in connection.execute(query)}
    wanted = {job_id for ids in kept.values() for job_id in ids}
    alive = set(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(wanted))).scalars()) if wanted else set()
    gone = [key for key, ids in kept.items() if alive.isdisjoint(ids)]
    return connection.execute(delete(idempotency_keys).where(idempotency_keys.c.key.in_(gone))).rowcount if gone else 0
