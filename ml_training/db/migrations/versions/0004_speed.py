"""Indexes for every filter and range, and the length of the queue as a maintained number.

The code before this revision keeps working on it: it reads what it read before, and its claims are only slower.

Revision ID: 0004
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SQL = Path(__file__).parent.parent / "sql"
PENDING = "status = 'PENDING'"
LIVE_MODEL = "deleted_at IS NULL"


def upgrade() -> None:
    """Create the indexes and the counter; jobs that were never delayed say so by run_after = created_at."""
    op.get_bind().exec_driver_sql("UPDATE jobs SET run_after = created_at WHERE status = 'PENDING' AND attempt = 0")
    for name in ("jobs_due", "jobs_finished", "jobs_dataset"):
        op.drop_index(name, "jobs")
    _partial("jobs_due", "jobs", ["priority", "id"], f"{PENDING} AND run_after <= created_at")
    _partial("jobs_delayed", "jobs", ["run_after", "priority", "id"], f"{PENDING} AND run_after > created_at")
    _partial("jobs_finished", "jobs", ["finished_at"], "finished_at IS NOT NULL")
    op.create_index("jobs_dataset", "jobs", ["dataset_id", "status"])
    op.create_index("jobs_by_status", "jobs", ["status", "job_type", "id", "run_after", "cancel_requested"])
    op.create_index("jobs_by_model_type", "jobs", ["model_type", "status", "job_type", "id"])
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])
    _partial("models_by_type", "models", ["model_type", "id"], LIVE_MODEL)
    _partial("models_by_name", "models", ["name", "model_type", "id"], LIVE_MODEL)
    op.create_index("models_artifact", "models", ["artifact_key"])
    op.create_index("models_dataset", "models", ["dataset_id"])
    _queue_lengths()


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))


def _queue_lengths() -> None:
    op.create_table(
        "queue_lengths",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    script = SQL / f"0004_queue_length.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)
