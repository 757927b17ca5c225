"""API keys, the audit, and which key made a job, a data set, a model or a prediction.

The code before this revision keeps working on it: it neither reads nor writes what is new, and does not ask for keys.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROLES = "'viewer', 'submitter', 'operator', 'admin'"
OWNED = ("jobs", "datasets", "models", "predictions")


def upgrade() -> None:
    """Add three tables, of which one holds one row, and a column to four tables."""
    op.create_table(
        "api_keys",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_id", name="api_keys_key_id"),
        sa.CheckConstraint(f"role IN ({ROLES})", name="api_keys_role"),
        sqlite_autoincrement=True,
    )
    valid = sa.text("revoked_at IS NULL")
    op.create_index("api_keys_valid", "api_keys", ["id"], sqlite_where=valid, postgresql_where=valid)
    changes = op.create_table(
        "key_changes",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(changes, [{"id": 1, "number": 0}])
    op.create_table(
        "audit",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_ids", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    for table in OWNED:
        op.add_column(table, sa.Column("created_by", sa.Text(), nullable=True))
