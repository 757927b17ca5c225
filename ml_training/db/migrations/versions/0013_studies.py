"""Studies: TUNE jobs, their trials as jobs with a parent, and what they found.

The lists of jobs leave the jobs of studies out, so their indexes do too. The code before this revision keeps working on
it as long as nobody submits a TUNE job.

Revision ID: 0013
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from ml_training.db.job_type_check import add_job_types

revision = "0013"
down_revision = "0012"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SQL = Path(__file__).parent.parent / "sql"
TOP = "parent_id IS NULL"
WAITS = "status = 'PENDING' AND open_children IS NOT NULL"
LISTS = (
    ("jobs_by_project", "project_id, id", TOP),
    ("jobs_dataset", "project_id, dataset_id, status, job_type, id", TOP),
    ("jobs_by_name", "project_id, model_name, status, id", f"model_name IS NOT NULL AND {TOP}"),
    ("jobs_by_status", "project_id, status, job_type, id", TOP),
    ("jobs_by_model_type", "project_id, model_type, status, job_type, id", TOP),
)
NEW_INDEXES = (
    ("jobs_waiting_studies", "project_id, id", WAITS),
    ("jobs_by_parent", "project_id, parent_id, id", "parent_id IS NOT NULL"),
)


def upgrade() -> None:
    """Two columns, two tables, two job types, two triggers, and the indexes of lists again."""
    op.add_column("jobs", sa.Column("parent_id", ID, nullable=True))
    op.add_column("jobs", sa.Column("open_children", sa.Integer(), nullable=True))
    add_job_types(op.get_bind(), "TUNE", "TRIAL")
    for name, _columns, _condition in LISTS:
        op.drop_index(name, "jobs")
    for name, columns, condition in (*LISTS, *NEW_INDEXES):
        where = sa.text(condition)
        op.create_index(name, "jobs", columns.split(", "), sqlite_where=where, postgresql_where=where)
    _trials()
    _studies()
    script = SQL / f"0013_studies.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def _trials() -> None:
    op.create_table(
        "trials",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("study_job_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("project_id", ID, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("trials_of_study", "trials", ["study_job_id", "number"], unique=True)


def _studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("best_model_id", ID, nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("sampler", sa.Text(), nullable=False),
        sa.Column("trials", sa.BigInteger(), nullable=False),
        sa.Column("failed_trials", sa.BigInteger(), nullable=False),
        sa.Column("best_trial", sa.BigInteger(), nullable=False),
        sa.Column("best_score", sa.Double(), nullable=False),
        sa.Column("stopped_by", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("project_id", ID, nullable=False, server_default=sa.text("1")),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"]),
        sa.ForeignKeyConstraint(["best_model_id"], ["models.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("studies_by_project", "studies", ["project_id", "id"])
