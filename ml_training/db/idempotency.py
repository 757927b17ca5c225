"""Idempotency keys: a repeated request under a key gets the answer of the first one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from ml_training.db.clock import read_clock
from ml_training.db.project_scope import own
from ml_training.db.tables import idempotency_keys
from ml_training.db.upsert import conflict_insert

_TAKEN = select(idempotency_keys.c.key).where(
    own(idempotency_keys), idempotency_keys.c.key.in_(bindparam("wanted", expanding=True))
)
_FIND = select(idempotency_keys.c.fingerprint, idempotency_keys.c.outcome).where(
    own(idempotency_keys), idempotency_keys.c.key == bindparam("wanted")
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The fingerprint of the first request under a key, and its answer: one item per spec."""

    fingerprint: str
    outcome: list[dict[str, Any]]


def find_answer(connection: Connection, key: str) -> KeptAnswer | None:
    """The stored answer, or None when the key is new."""
    row = connection.execute(_FIND, {"wanted": key}).first()
    return None if row is None else KeptAnswer(row.fingerprint, row.outcome)


def taken_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys under which an answer is stored."""
    return set(connection.execute(_TAKEN, {"wanted": list(keys)}).scalars())


def keep_answers(connection: Connection, answers: Mapping[str, KeptAnswer]) -> bool:
    """Store answers by key; False when another transaction stored one first (then this one must be rolled back)."""
    now = read_clock(connection)
    rows = [
        {"key": key, "fingerprint": answer.fingerprint, "outcome": answer.outcome, "created_at": now}
        for key, answer in sorted(answers.items())  # one order for all processes: else two could wait for each other
    ]
    statement = conflict_insert(connection.dialect.name, idempotency_keys).values(rows)
    return bool(connection.execute(statement.on_conflict_do_nothing()).rowcount == len(rows))
