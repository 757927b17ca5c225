"""Which studies have comparable scores, and with which earlier trials a study has begun.

Studies from before have no key, so no study begins with them. The code before this revision keeps working on it as
long as nobody submits a study with `warm_start`.

Revision ID: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One column with its index, and one table."""
    op.add_column("studies", sa.Column("warm_key", sa.Text(), nullable=True))
    where, columns = sa.text("warm_key IS NOT NULL"), ["project_id", "warm_key", "id"]
    op.create_index("studies_warm", "studies", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "warm_starts",
        sa.Column("study_job_id", ID, autoincrement=False, nullable=False),
        sa.Column("taken", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_job_id"),
    )
