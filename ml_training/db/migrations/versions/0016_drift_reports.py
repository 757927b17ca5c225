"""Drift reports: how far rows are from those that a model was trained on; and DRIFT as a type of jobs.

The code before this revision keeps working on it as long as nobody submits a DRIFT job.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

from ml_training.db.change_triggers import tell_changes
from ml_training.db.job_type_check import add_job_types

revision = "0016"
down_revision = "0015"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table, one more job type, and the newest drift of a model."""
    add_job_types(op.get_bind(), "DRIFT")
    op.add_column("models", sa.Column("drift", sa.Double(), nullable=True))
    op.create_table(
        "drift_reports",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("weighted_psi", sa.Double(), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
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
    columns = ["project_id", "id"]
    op.create_index("drift_reports_live", "drift_reports", columns, sqlite_where=live, postgresql_where=live)
    events = ("INSERT", "UPDATE OF deleted_at")
    tell_changes(op.get_bind(), "drift_reports", "drift_report", events=events)
