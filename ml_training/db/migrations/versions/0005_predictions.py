"""Predictions: what a model says about rows, as a file; and PREDICT as a type of jobs.

The code before this revision keeps working on it as long as nobody submits a PREDICT job.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

from ml_training.db.job_type_check import add_job_types

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table, and one more job type."""
    add_job_types(op.get_bind(), "PREDICT")
    op.create_table(
        "predictions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("file_format", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("lineage", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"]),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id"),
        sqlite_autoincrement=True,
    )
    live = sa.text("deleted_at IS NULL")
    op.create_index("predictions_live", "predictions", ["id"], sqlite_where=live, postgresql_where=live)
    op.create_index("predictions_object", "predictions", ["object_key"])
