"""Tombstones: since when no row names a stored object, and which ones were removed; and which code may run here.

The code before this revision keeps working on it: it neither reads nor writes what is new.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = (
    ("tombstones_waiting", "unnamed_since", "unnamed_since IS NOT NULL"),
    ("tombstones_removing", "removing_since", "removing_by IS NOT NULL"),
    ("tombstones_removed", "removed_at", "removal IS NOT NULL"),
)
NOW = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}


def upgrade() -> None:
    """Add four tables, of which one holds one row."""
    op.create_table(
        "tombstones",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("unnamed_since", sa.Double(), nullable=True),
        sa.Column("removing_by", sa.Text(), nullable=True),
        sa.Column("removing_since", sa.Double(), nullable=True),
        sa.Column("removal", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    for name, column, condition in INDEXES:
        where = sa.text(condition)
        op.create_index(name, "tombstones", [column], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "storage_sweeps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("removals", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.Column("swept_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    now = NOW[op.get_bind().dialect.name]
    op.execute(f"INSERT INTO storage_sweeps (id, removals, forgotten, swept_at) VALUES (1, 0, 0, {now})")  # noqa: S608
    op.create_table(  # `migrate` fills it
        "schema_compatibility",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("oldest_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sweep_holds",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("holder"),
    )
