"""Explanations: what a model has learnt, and where it is right; and EXPLAIN as a type of jobs.

The code before this revision keeps working on it as long as nobody submits an EXPLAIN job.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

from ml_training.db.job_type_check import add_job_types

revision = "0014"
down_revision = "0013"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table, and one more job type."""
    add_job_types(op.get_bind(), "EXPLAIN")
    op.create_table(
        "explanations",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("lineage", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("project_id", ID, nullable=False, server_default=sa.text("1")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"]),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id"),
        sqlite_autoincrement=True,
    )
    live = sa.text("deleted_at IS NULL")
    for name, columns in (("live", ["project_id", "id"]), ("of_model", ["project_id", "model_id", "id"])):
        op.create_index(f"explanations_{name}", "explanations", columns, sqlite_where=live, postgresql_where=live)
