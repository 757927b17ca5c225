"""Adds entries to the audit in the transaction of what they report, and writes them to the log once it is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ml_training.db.audit import add_entries
from ml_training.db.engine import Database
from ml_training.domain.audit import AuditAction, AuditEntry, AuditOutcome
from ml_training.domain.caller import Caller
from ml_training.logs import get_logger

log = get_logger("ml_training.audit")


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """A transaction that is reported; subject_ids: what it changes, added as soon as it is known."""

    connection: Connection
    subject_ids: list[int | str] = field(default_factory=list)


@contextmanager
def audited_change(
    database: Database, caller: Caller, action: AuditAction, *subject_ids: int | str
) -> Iterator[AuditedChange]:
    """A transaction that writes, and its entry in the audit: both are stored or neither.

    Raises what `Database.write` raises. A block that names no subject changes nothing, and is not reported.
    """
    with database.write() as connection:
        change = AuditedChange(connection, list(subject_ids))
        yield change
        entries = [AuditEntry(action, caller, tuple(change.subject_ids))] if change.subject_ids else []
        add_entries(connection, entries)
    for entry in entries:
        log_entry(entry)


def audit_refusal(database: Database, caller: Caller, route: str) -> None:
    """Report that a key asked for what its role does not allow; raises Unavailable."""
    entry = AuditEntry(AuditAction.REQUEST, caller, (route,), AuditOutcome.FORBIDDEN)
    with database.write() as connection:
        add_entries(connection, [entry])
    log_entry(entry)


def log_entry(entry: AuditEntry) -> None:
    """Write an entry that is stored to the log: with LOG_FORMAT=json one line that a collector can ship."""
    caller = entry.caller
    log.info(
        "audit",
        action=entry.action.value,
        subject_ids=list(entry.subject_ids),
        outcome=entry.outcome.value,
        key_id=caller.key_id,
        role=caller.role.value,
        project_id=caller.project_id,
        address=caller.address,
        request_id=caller.request_id,
    )
