"""Indexes for the filters of lists: jobs by model name and data set, models by tag and data set, uploads by hash.

The code before this revision keeps working on it: the databases themselves make the new column out of the spec, and
the rows of tags out of the models. (The column is generated because a terminal job never changes.)

Revision ID: 0007
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SQL = Path(__file__).parent.parent / "sql"
NAMED = "model_name IS NOT NULL"


def upgrade() -> None:
    """Add the column, the table of tags and the indexes, and fill them."""
    for name, table in (("jobs_dataset", "jobs"), ("models_dataset", "models")):
        op.drop_index(name, table)
    op.create_index("jobs_dataset", "jobs", ["dataset_id", "status", "job_type", "id"])
    live = sa.text("deleted_at IS NULL")
    columns = ["dataset_id", "model_type", "id"]
    op.create_index("models_by_dataset", "models", columns, sqlite_where=live, postgresql_where=live)
    op.create_index("datasets_raw", "datasets", ["raw_sha256"])
    op.create_table(
        "model_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"]),
        sa.PrimaryKeyConstraint("tag", "model_id"),
    )
    op.create_index(op.f("ix_model_tags_model_id"), "model_tags", ["model_id"])
    script = SQL / f"0007_lists.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)
    named = sa.text(NAMED)
    columns = ["model_name", "status", "id"]
    op.create_index("jobs_by_name", "jobs", columns, sqlite_where=named, postgresql_where=named)
