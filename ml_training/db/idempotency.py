"""Idempotency keys: a repeated request under a key gets the answer of the first one."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from ml_training.db.clock import db_now
from ml_training.db.tables import idempotency_keys
from ml_training.db.upsert import conflict_insert


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The fingerprint of the first request under a key, and its answer: one item per spec."""

    fingerprint: str
    outcome: list[dict[str, Any]]


def find_answer(connection: Connection, key: str) -> KeptAnswer | None:
    """The stored answer, or None when the key is new."""
    query = select(idempotency_keys.c.fingerprint, idempotency_keys.c.outcome)
    row = connection.execute(query.where(idempotency_keys.c.key == key)).first()
    return None if row is None else KeptAnswer(row.fingerprint, row.outcome)


def keep_answer(connection: Connection, key: str, answer: KeptAnswer) -> bool:
    """Store the answer; False when another transaction stored one first (then this one must be rolled back)."""
    statement = conflict_insert(connection, idempotency_keys).values(
        key=key, fingerprint=answer.fingerprint, outcome=answer.outcome, created_at=db_now()
    )
    return bool(connection.execute(statement.on_conflict_do_nothing()).rowcount == 1)
