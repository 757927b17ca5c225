"""The key of a result, equal for equal jobs, and the job whose result another one has.

Results from before have no key, so they are not taken. The code before this revision keeps working on it as long as
nobody submits a spec with `reuse`.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEYED = "reuse_key IS NOT NULL"
LIVE = f"{KEYED} AND deleted_at IS NULL"
INDEXES = (("models", LIVE), ("predictions", LIVE), ("trials", KEYED))


def upgrade() -> None:
    """Four columns and three indexes."""
    op.add_column("jobs", sa.Column("reused_from", ID, nullable=True))
    for table, condition in INDEXES:
        op.add_column(table, sa.Column("reuse_key", sa.Text(), nullable=True))
        columns, where = ["project_id", "reuse_key", "id"], sa.text(condition)
        op.create_index(f"{table}_reuse", table, columns, sqlite_where=where, postgresql_where=where)
