"""Keeps tables small: folds the ledger, removes old jobs, changes, heartbeats, uploads and entries of the audit."""

from ml_training.db import audit, changes, heartbeats, ledger, retention, uploads
from ml_training.domain.resumable_upload import KEPT_SECONDS
from ml_training.logs import get_logger
from ml_training.services.resources import Resources

log = get_logger(__name__)
FOLD_BATCH = 10_000
KEYS_PER_CALL = 20_000  # more than jobs may wait: old keys of waiting jobs never hide keys of removed jobs
RETENTION_BATCH = 500  # short transactions: no other writer waits for long
CHANGES_KEPT_SECONDS = 3_600.0  # of 100 jobs a second these are about 1.5 million rows of 50 bytes
CHANGES_BATCH = 5_000
HEARTBEATS_KEPT_SECONDS = 900.0  # longer than the ten minutes for which a lost worker stays visible


def fold_ledger_once(resources: Resources) -> int:
    """Fold the ledger into its totals; returns how many rows."""
    with resources.database.write() as connection:
        return ledger.fold(connection, limit=FOLD_BATCH)


def forget_heartbeats_once(resources: Resources) -> int:
    """Remove the heartbeat rows of processes that ended long ago; returns how many."""
    with resources.database.write() as connection:
        return heartbeats.delete_old_heartbeats(connection, older_than_seconds=HEARTBEATS_KEPT_SECONDS)


def forget_jobs_once(resources: Resources, *, age_seconds: float) -> int:
    """Remove a batch of jobs that ended more than `age_seconds` ago, and the keys of removed jobs; returns how many.

    0 keeps all jobs.
    """
    if not age_seconds:
        return 0
    with resources.database.write() as connection:
        jobs = retention.forget_jobs(connection, older_than_seconds=age_seconds, limit=RETENTION_BATCH)
    with resources.database.write() as connection:
        keys = retention.forget_keys(connection, older_than_seconds=age_seconds, limit=KEYS_PER_CALL)
    if jobs or keys:
        log.info("old_jobs_removed", jobs=jobs, keys=keys)
    return jobs + keys


def forget_changes_once(resources: Resources) -> int:
    """Remove a batch of old rows of the table of changes; returns how many.

    A client that asks less often than CHANGES_KEPT_SECONDS loads everything again.
    """
    with resources.database.write() as connection:
        return changes.forget_changes(connection, older_than_seconds=CHANGES_KEPT_SECONDS, limit=CHANGES_BATCH)


def forget_uploads_once(resources: Resources) -> int:
    """Remove a batch of uploads to which nothing has happened for a day; returns how many. Their pieces are swept."""
    with resources.database.write() as connection:
        removed = uploads.forget_uploads(connection, older_than_seconds=KEPT_SECONDS, limit=RETENTION_BATCH)
    if removed:
        log.info("old_uploads_removed", uploads=removed)
    return removed


def forget_audit_once(resources: Resources, *, age_seconds: float) -> int:
    """Remove a batch of entries of the audit that are older than `age_seconds`; returns how many. 0 keeps all."""
    if not age_seconds:
        return 0
    with resources.database.write() as connection:
        removed = audit.forget_audit(connection, older_than_seconds=age_seconds, limit=RETENTION_BATCH)
    if removed:
        log.info("old_audit_removed", entries=removed)
    return removed
