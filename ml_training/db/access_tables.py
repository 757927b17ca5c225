"""The tables of keys and of the audit."""

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Table, UniqueConstraint, text

from ml_training.db.columns import BigId, id_column, integer, quoted, string, time
from ml_training.db.tables import metadata
from ml_training.domain.caller import Role


def _project_id() -> Column[int]:
    return Column("project_id", BigInteger, nullable=False, server_default=text("1"))


api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    string("key_id"),  # the public part of a key
    string("secret_sha256"),
    string("role"),
    _project_id(),
    string("name"),
    time("created_at"),
    time("expires_at", nullable=True),
    time("revoked_at", nullable=True),
    time("last_used_at", nullable=True),
    string("person_id", nullable=True),  # of a session of somebody who signed in; null: a key
    UniqueConstraint("key_id", name="api_keys_key_id"),
    CheckConstraint(f"role IN ({quoted(Role)})", name="api_keys_role"),
    sqlite_autoincrement=True,
)
# For the processes that read the valid ones: keys that were revoked stay for good.
Index(
    "api_keys_valid",
    api_keys.c.id,
    sqlite_where=text("revoked_at IS NULL"),
    postgresql_where=text("revoked_at IS NULL"),
)

Index(  # the sessions of a person
    "api_keys_sessions",
    api_keys.c.person_id,
    api_keys.c.id,
    sqlite_where=text("person_id IS NOT NULL AND revoked_at IS NULL"),
    postgresql_where=text("person_id IS NOT NULL AND revoked_at IS NULL"),
)

key_changes = Table(  # one row, which counts changes of api_keys: a process reads the keys again when it has risen
    "key_changes",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    integer("number"),
)

audit = Table(  # append-only; retention deletes the oldest rows
    "audit",
    metadata,
    id_column(),
    time("at"),
    string("action"),
    Column("subject_ids", JSON, nullable=False),  # of the rows that the action made or changed, or of a key
    string("outcome"),
    string("key_id", nullable=True),  # null: of the open service, or of the service itself
    string("role"),
    _project_id(),
    string("address"),
    string("request_id"),
    sqlite_autoincrement=True,
)
