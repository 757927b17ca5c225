"""Every statement about the audit: entries are added in the transaction of what they report, and never changed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from ml_training.db.access_tables import audit
from ml_training.db.clock import db_now, read_clock
from ml_training.db.newest import page_of_all, page_values
from ml_training.domain.audit import AuditEntry, AuditRecord

_INSERT = insert(audit).values(at=db_now())
_PAGE = page_of_all(audit)


def add_entries(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Store entries in one statement."""
    if entries:
        connection.execute(_INSERT, [_row(entry) for entry in entries])


def list_audit(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AuditRecord]:
    """Newest first. before_id: where the page before ended."""
    found = connection.execute(_PAGE, page_values((), before_id=before_id, limit=limit)).mappings()
    return [AuditRecord(**{**row, "subject_ids": tuple(row["subject_ids"])}) for row in found]


def forget_audit(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Delete up to `limit` of the oldest entries that are older; returns how many."""
    # The ids rise with the times, near enough: so the oldest are the first ones, and the time needs no index.
    first = select(audit.c.id, audit.c.at).order_by(audit.c.id).limit(limit).subquery()
    old = select(first.c.id).where(first.c.at < read_clock(connection) - older_than_seconds)
    return connection.execute(delete(audit).where(audit.c.id.in_(old))).rowcount


def _row(entry: AuditEntry) -> dict[str, Any]:
    caller = entry.caller
    return {
        "action": entry.action.value,
        "subject_ids": list(entry.subject_ids),
        "outcome": entry.outcome.value,
        "key_id": caller.key_id,
        "role": caller.role.value,
        "project_id": caller.project_id,
        "address": caller.address,
        "request_id": caller.request_id,
    }
