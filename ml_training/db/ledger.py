"""Counters that never fall: triggers write the ledger, a fold moves it into totals, one statement reads both."""

from sqlalchemy import Connection, delete, exists, func, insert, select

from ml_training.db.clock import NOW, db_now
from ml_training.db.tables import ledger, ledger_totals, lost_attempts
from ml_training.db.upsert import conflict_insert
from ml_training.domain.retry import LOST_ATTEMPTS_WINDOW_SECONDS

_KEYS = ("kind", "job_type", "label", "model_type", "bucket")


def fold(connection: Connection, *, limit: int) -> int:
    """Move up to `limit` ledger rows into the totals in the caller's transaction; returns how many.

    Safe to kill and safe to run twice at once: the rows leave the ledger and enter the totals together.
    """
    batch = select(ledger.c.id).order_by(ledger.c.id).limit(limit).with_for_update(skip_locked=True)
    ids = list(connection.execute(batch).scalars())
    if not ids:
        return 0
    grouped = (
        select(
            *(ledger.c[key] for key in _KEYS),
            func.count().label("n"),
            func.sum(ledger.c.seconds),
            func.sum(ledger.c.rows),
        )
        .where(ledger.c.id.in_(ids))
        .group_by(*(ledger.c[key] for key in _KEYS))
        .order_by(*(ledger.c[key] for key in _KEYS))  # the same lock order in every process that folds
    )
    sums = ("n", "seconds", "rows")
    for row in connection.execute(grouped).all():
        statement = conflict_insert(connection.dialect.name, ledger_totals).values(
            dict(zip((*_KEYS, *sums), row, strict=True))
        )
        added = {name: ledger_totals.c[name] + statement.excluded[name] for name in sums}
        connection.execute(
            statement.on_conflict_do_update(index_elements=[ledger_totals.c[key] for key in _KEYS], set_=added)
        )
    connection.execute(delete(ledger).where(ledger.c.id.in_(ids)))
    return len(ids)


def count_refused_write(connection: Connection, what: str) -> None:
    """Count a refused write of an attempt that had lost its job; what: lease, verdict or checkpoint."""
    connection.execute(
        insert(ledger).values(kind="refused", job_type="", label=what, model_type="", bucket=-1, seconds=0.0, rows=0)
    )


def count_dropped_entries(connection: Connection, count: int) -> None:
    """Count entries of the permits' list that were no permits."""
    connection.execute(
        insert(ledger).values(kind="dropped", job_type="", label="", model_type="", bucket=-1, seconds=0.0, rows=count)
    )


def count_reuse(connection: Connection, job_type: str) -> None:
    """Count a job that has got the result of an equal one, in the transaction that completes it."""
    connection.execute(
        insert(ledger).values(kind="reused", job_type=job_type, label="", model_type="", bucket=-1, seconds=0.0, rows=0)
    )


def charge_lost_attempt(connection: Connection, *, job_id: int, attempt: int, reason: str) -> int:
    """Record a lost attempt; returns the number of lost attempts of the job in the last 72 h, with this one."""
    connection.execute(insert(lost_attempts).values(job_id=job_id, attempt=attempt, reason=reason, lost_at=db_now()))
    recent = select(func.count()).where(
        lost_attempts.c.job_id == job_id, lost_attempts.c.lost_at > NOW - LOST_ATTEMPTS_WINDOW_SECONDS
    )
    return int(connection.execute(recent).scalar_one())


def forgive_losses(connection: Connection, job_id: int) -> None:
    """Forget the lost attempts of a study whose step has succeeded: only losses of the same step end it."""
    connection.execute(delete(lost_attempts).where(lost_attempts.c.job_id == job_id))


def was_lost(connection: Connection, *, job_id: int, attempt: int) -> bool:
    """Whether this attempt of the job was charged as lost."""
    charged = lost_attempts.c.job_id == job_id, lost_attempts.c.attempt == attempt
    return bool(connection.execute(select(exists().where(*charged))).scalar())
