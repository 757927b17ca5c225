"""Trials that continue others with more rounds, from states that a study keeps between them.

The code before this revision keeps working on it: it only gets two columns that may be null, and an index. A study with
halving needs workers of this code; a sweep of older code may remove states that a study still needs, and then its
trials start from the beginning, with the same scores.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
oldest_code = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two columns and an index."""
    op.add_column("trials", sa.Column("continues", sa.Integer(), nullable=True))
    op.add_column("checkpoints", sa.Column("study_job_id", BIG, nullable=True))
    op.get_bind().exec_driver_sql(
        "CREATE INDEX checkpoints_of_study ON checkpoints (study_job_id) WHERE study_job_id IS NOT NULL"
    )
