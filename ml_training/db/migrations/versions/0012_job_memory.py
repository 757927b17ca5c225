"""The memory that a job will take, as estimated when it was submitted.

The code before this revision keeps working on it: it does not read the column, which may be null.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
oldest_code = "0009"


def upgrade() -> None:
    """One column of jobs."""
    op.add_column("jobs", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
