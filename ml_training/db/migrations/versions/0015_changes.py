"""Changes: a number for each change of a thing that users see, written by triggers; and an index of jobs by their end.

The code before this revision keeps working on it: the databases themselves write the rows.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

from ml_training.db.change_triggers import INSERT, POSTGRESQL_NOW, SQLITE_NOW, begin_telling, tell_changes

revision = "0015"
down_revision = "0014"
oldest_code = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Progress and leases are no changes: a running job writes them every few seconds, and each answer has the progress.
JOB_MOVED = "OLD.status <> NEW.status OR OLD.cancel_requested <> NEW.cancel_requested"
DELETED = "UPDATE OF deleted_at"


def upgrade() -> None:
    """An index, one table, its triggers, and a row for each project: there is always one that a position can name."""
    op.create_table(
        "changes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ID, autoincrement=False, nullable=False, server_default=sa.text("1")),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_by_project", "changes", ["project_id", "id"])
    ended = sa.text("finished_at IS NOT NULL AND parent_id IS NULL")
    columns = ["project_id", "finished_at", "status"]
    op.create_index("jobs_ended", "jobs", columns, sqlite_where=ended, postgresql_where=ended)
    connection = op.get_bind()
    begin_telling(connection)
    moved = "UPDATE OF status, cancel_requested"
    tell_changes(connection, "jobs", "job", events=("INSERT", moved, "DELETE"), condition=JOB_MOVED)
    tell_changes(connection, "datasets", "dataset", events=("INSERT", "UPDATE OF status, deleted_at"))
    tell_changes(connection, "models", "model", events=("INSERT", "UPDATE OF description, tags, deleted_at"))
    aliased = ("INSERT", "UPDATE OF model_id", "DELETE")
    tell_changes(connection, "model_aliases", "model", events=aliased, subject="model_id")
    tell_changes(connection, "model_aliases", "model", events=aliased[1:2], subject="model_id", is_before=True)
    tell_changes(connection, "predictions", "prediction", events=("INSERT", DELETED))
    tell_changes(connection, "explanations", "explanation", events=("INSERT", DELETED))
    for table, kind in (("test_results", "test_result"), ("comparisons", "comparison"), ("studies", "study")):
        tell_changes(connection, table, kind)
    quotas = "UPDATE OF pending_jobs, running_jobs, stored_bytes, submissions_per_minute"
    tell_changes(connection, "projects", "project", events=("INSERT", quotas), project="id")
    now = POSTGRESQL_NOW if connection.dialect.name == "postgresql" else SQLITE_NOW
    each = f"SELECT id, 'project', id, {now} FROM projects"  # noqa: S608 - words of this code
    connection.exec_driver_sql(f"{INSERT} {each}")
