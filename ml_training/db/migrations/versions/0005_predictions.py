"""Predictions: what a model says about rows, as a file; and PREDICT as a type of jobs.

The code before this revision keeps working on it as long as nobody submits a PREDICT job.

Revision ID: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

DEFENSIVE = 1010  # SQLITE_DBCONFIG_DEFENSIVE, which the module sqlite3 names from Python 3.12 on
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JOB_TYPES = ("TRAIN", "TEST", "COMPARE", "PREDICT", "INGEST")
BEFORE = "job_type IN ('TRAIN', 'TEST', 'COMPARE', 'INGEST')"
AFTER = f"job_type IN ({', '.join(repr(job_type) for job_type in JOB_TYPES)})"


def upgrade() -> None:
    """One table, and one more job type."""
    _allow_job_type()
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


def _allow_job_type() -> None:
    """Widen the check on `jobs.job_type`.

    SQLite cannot alter a check. To copy the table would fire its triggers and the cascades of other tables, so the
    stored definition is edited, as https://www.sqlite.org/lang_altertable.html allows where every row stays valid.
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("jobs_job_type", "jobs", type_="check")
        op.create_check_constraint("jobs_job_type", "jobs", AFTER)
        return
    _let_schema_be_edited(connection.connection.dbapi_connection)
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    edited = connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'jobs' AND instr(sql, ?)",
        (BEFORE, AFTER, BEFORE),
    )
    if edited.rowcount != 1:
        raise RuntimeError("the table jobs has no check on job_type as revision 0001 made it")
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _let_schema_be_edited(dbapi: Any) -> None:
    """Some systems build SQLite so that it refuses to edit its schema unless a connection asks for it."""
    if hasattr(dbapi, "setconfig"):  # Python 3.12
        dbapi.setconfig(DEFENSIVE, False)
