"""The id of the storage that belongs to the database, the warnings of a job, and who missed an object of it.

The code before this revision keeps working on it: it does not read what is new, and every new column has a default.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table of one row, and two columns of jobs."""
    op.create_table(
        "storage_identity",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("jobs", sa.Column("warnings", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    op.add_column("jobs", sa.Column("object_missed_by", sa.Text(), nullable=True))
