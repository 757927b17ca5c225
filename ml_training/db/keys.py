"""Every statement about API keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, or_, select, update

from ml_training.db.access_tables import api_keys, key_changes
from ml_training.db.clock import db_now
from ml_training.db.newest import page_of_all, page_values
from ml_training.db.upsert import conflict_insert
from ml_training.domain.api_keys import StoredKey
from ml_training.domain.caller import Role

ONLY_ROW = 1
_CHANGES = select(key_changes.c.number, db_now())
_VALID = select(api_keys).where(api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.id)
_BY_ID = select(api_keys).where(api_keys.c.key_id == bindparam("wanted"))
_PAGE = page_of_all(api_keys)
_USED = (
    update(api_keys)
    .where(api_keys.c.key_id == bindparam("used_key"))
    .values(last_used_at=bindparam("used_at", type_=api_keys.c.last_used_at.type))
)


def insert_key(connection: Connection, **values: Any) -> StoredKey:
    """Store a key; values: key_id, secret_sha256, role, project_id, name, expires_at; person_id of a session."""
    row = {**values, "role": Role(values["role"]).value, "created_at": db_now()}
    key_row = connection.execute(insert(api_keys).values(**row).returning(*api_keys.c)).mappings().one()
    _count_change(connection)
    return _key(key_row)


def insert_key_once(connection: Connection, **values: Any) -> tuple[StoredKey, bool]:
    """Store a key unless one has its id; the one that is there now, and whether this call has stored it."""
    row = {**values, "role": Role(values["role"]).value, "created_at": db_now()}
    statement = conflict_insert(connection.dialect.name, api_keys).values(**row)
    is_new = connection.execute(statement.on_conflict_do_nothing()).rowcount == 1
    if is_new:
        _count_change(connection)
    found = get_key(connection, values["key_id"])
    if found is None:  # cannot be: keys are never deleted
        raise LookupError(values["key_id"])
    return found, is_new


def get_key(connection: Connection, key_id: str) -> StoredKey | None:
    """The key, also a revoked one, or None."""
    row = connection.execute(_BY_ID, {"wanted": key_id}).mappings().first()
    return None if row is None else _key(row)


def list_keys(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[StoredKey]:
    """Newest first, the revoked ones too. before_id: where the page before ended."""
    return [
        _key(row) for row in connection.execute(_PAGE, page_values((), before_id=before_id, limit=limit)).mappings()
    ]


def revoke_key(connection: Connection, key_id: str) -> bool:
    """Revoke for good; False when there is no such key or it was revoked before."""
    statement = update(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
    revoked = connection.execute(statement.values(revoked_at=db_now())).rowcount == 1
    if revoked:
        _count_change(connection)
    return revoked


def end_sessions(connection: Connection, person_id: str, *, keep: int) -> None:
    """Revoke the sessions of a person that have expired, and all but the newest `keep`."""
    own = (api_keys.c.person_id == person_id, api_keys.c.revoked_at.is_(None))
    kept = select(api_keys.c.id).where(*own).order_by(api_keys.c.id.desc()).limit(keep).scalar_subquery()
    is_over = or_(api_keys.c.expires_at <= db_now(), api_keys.c.id.not_in(kept))
    if connection.execute(update(api_keys).where(*own, is_over).values(revoked_at=db_now())).rowcount:
        _count_change(connection)


def read_changes(connection: Connection) -> tuple[int, float]:
    """How often keys have changed, and the database's clock. 0: there has never been a key."""
    number, now = connection.execute(_CHANGES).one()
    return int(number), float(now)


def valid_keys(connection: Connection) -> dict[str, StoredKey]:
    """The keys that are not revoked, by id; the expired ones too."""
    return {row["key_id"]: _key(row) for row in connection.execute(_VALID).mappings()}


def record_uses(connection: Connection, uses: Mapping[str, float]) -> None:
    """Set when keys were last used, by id; this changes nothing that a process has to read again."""
    connection.execute(_USED, [{"used_key": key_id, "used_at": at} for key_id, at in sorted(uses.items())])


def _count_change(connection: Connection) -> None:
    # In the transaction of the change: whoever sees the number has the change too.
    connection.execute(update(key_changes).where(key_changes.c.id == ONLY_ROW).values(number=key_changes.c.number + 1))


def _key(row: RowMapping) -> StoredKey:
    return StoredKey(**{**row, "role": Role(row["role"])})
