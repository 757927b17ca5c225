"""What users say about a model: description, tags and aliases; and which models a job needs.

The code before this revision keeps working on it: new columns have defaults, and nothing that it reads has moved.

Revision ID: 0002
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Add columns and tables, and say which models the jobs that have not ended need."""
    op.add_column("models", sa.Column("description", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("models", sa.Column("tags", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    _model_aliases()
    _job_models()
    script = SQL / f"0002_job_models.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def _model_aliases() -> None:
    op.create_table(
        "model_aliases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"]),
        sa.PrimaryKeyConstraint("name", "alias"),
    )
    op.create_index(op.f("ix_model_aliases_model_id"), "model_aliases", ["model_id"], unique=False)
    op.create_index("model_aliases_alias", "model_aliases", ["alias", "model_id"], unique=False)


def _job_models() -> None:
    op.create_table(
        "job_models",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"]),
        sa.PrimaryKeyConstraint("job_id", "model_id"),
    )
    op.create_index(op.f("ix_job_models_model_id"), "job_models", ["model_id"], unique=False)
