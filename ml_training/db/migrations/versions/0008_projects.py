"""Projects: every stored row belongs to one, names are unique within one, and what each uses is a maintained number.

Rows from before belong to the project `default`. The code before this revision refuses to start on it: names, aliases
and idempotency keys have other keys now.

Revision ID: 0008
"""

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SQL = Path(__file__).parent.parent / "sql"
QUOTAS = ("pending_jobs", "running_jobs", "stored_bytes", "submissions_per_minute")
LIVE = "status IN ('PENDING', 'RUNNING')"
KEPT = "deleted_at IS NULL"
# Tables whose key or unique constraint begins with the project from now on: the name of the constraint on PostgreSQL,
# and its columns before.
KEYS = {
    "idempotency_keys": ("idempotency_keys_pkey", "key"),
    "model_aliases": ("model_aliases_pkey", "name, alias"),
    "model_tags": ("model_tags_pkey", "tag, model_id"),
    "versions": ("versions_pkey", "kind, name"),
    "datasets": ("datasets_name_version", "name, version"),
    "models": ("models_name_version", "name, version"),
}
OLD_INDEXES = {
    "jobs": ("jobs_due", "jobs_finished", "jobs_dataset", "jobs_by_name", "jobs_by_status", "jobs_by_model_type"),
    "models": ("models_by_type", "models_by_dataset", "models_by_name"),
    "datasets": ("datasets_raw",),
    "predictions": ("predictions_live",),
    "model_aliases": ("model_aliases_alias",),
}
INDEXES = (
    ("jobs_due", "jobs", "priority, project_id, id", "status = 'PENDING' AND run_after <= created_at"),
    ("jobs_finished", "jobs", "finished_at, project_id", "finished_at IS NOT NULL"),
    ("jobs_live", "jobs", "status, job_type, id, run_after, cancel_requested", LIVE),
    ("jobs_by_project", "jobs", "project_id, id", None),
    ("jobs_dataset", "jobs", "project_id, dataset_id, status, job_type, id", None),
    ("jobs_by_name", "jobs", "project_id, model_name, status, id", "model_name IS NOT NULL"),
    ("jobs_by_status", "jobs", "project_id, status, job_type, id", None),
    ("jobs_by_model_type", "jobs", "project_id, model_type, status, job_type, id", None),
    ("models_by_type", "models", "project_id, model_type, id", KEPT),
    ("models_by_dataset", "models", "project_id, dataset_id, model_type, id", KEPT),
    ("models_by_name", "models", "project_id, name, model_type, id", KEPT),
    ("datasets_raw", "datasets", "project_id, raw_sha256", None),
    ("datasets_by_project", "datasets", "project_id, id", None),
    ("test_results_by_project", "test_results", "project_id, id", None),
    ("comparisons_by_project", "comparisons", "project_id, id", None),
    ("predictions_live", "predictions", "project_id, id", KEPT),
    ("model_aliases_alias", "model_aliases", "project_id, alias, model_id", None),
)


def upgrade() -> None:
    """Give every row its project, and count what the projects use."""
    _projects()
    _forget_queue_lengths()
    for table, names in OLD_INDEXES.items():
        for name in names:
            op.drop_index(name, table)
    for table in ("jobs", "test_results", "comparisons", "predictions", *KEYS):
        op.add_column(table, sa.Column("project_id", ID, nullable=False, server_default=sa.text("1")))
    for table, (constraint, columns) in KEYS.items():
        change_key = _rebuild if op.get_bind().dialect.name == "sqlite" else _alter
        change_key(table, constraint, columns)
    for name, table, columns, condition in INDEXES:
        where = None if condition is None else sa.text(condition)
        op.create_index(name, table, columns.split(", "), sqlite_where=where, postgresql_where=where)
    script = SQL / f"0008_projects.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in QUOTAS),
        *(sa.CheckConstraint(f"{name} >= 0", name=f"projects_{name}") for name in QUOTAS),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "project_counters",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("project_counters_project", "project_counters", ["project_id"])


def _forget_queue_lengths() -> None:
    """The counters of the projects take the place of the one of the queue."""
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("insert", "enter", "leave", "delete"):
            op.execute(f"DROP TRIGGER jobs_queue_{trigger}")
        for trigger in ("insert", "update"):  # it names a table that is copied; the script makes it again
            op.execute(f"DROP TRIGGER models_tags_{trigger}")
    else:
        op.execute("DROP FUNCTION jobs_queue_insert() CASCADE")
        op.execute("DROP FUNCTION jobs_queue_move() CASCADE")
        op.execute("DROP FUNCTION queue_length_add(bigint)")
    op.drop_table("queue_lengths")


def _alter(table: str, constraint: str, columns: str) -> None:
    op.drop_constraint(constraint, table)
    new = ["project_id", *columns.split(", ")]
    if constraint.endswith("_pkey"):
        op.create_primary_key(constraint, table, new)
    else:
        op.create_unique_constraint(constraint, table, new)


def _rebuild(table: str, _constraint: str, columns: str) -> None:
    """Copy a table of SQLite, which cannot alter a key: https://www.sqlite.org/lang_altertable.html, section 7.

    The caller of the migration has switched foreign keys off (`Database.change_schema`); the tables that name this one
    name the copy afterwards.
    """
    connection = op.get_bind()
    found = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))
    definition = str(found.scalar_one())
    key = ", ".join(f'"?{column}"?' for column in columns.split(", "))
    new, changes = re.subn(rf"(PRIMARY KEY|UNIQUE) \(({key})\)", r"\1 (project_id, \2)", definition)
    if changes != 1:
        raise RuntimeError(f"the table {table} has no key ({columns}) as the revisions before made it")
    new = re.sub(rf'^CREATE TABLE "?{table}"?', "CREATE TABLE rebuilt", new)
    indexes = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    )
    again = list(indexes.scalars())
    counted = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar()
    connection.exec_driver_sql(new)
    connection.exec_driver_sql(f"INSERT INTO rebuilt SELECT * FROM {table}")  # noqa: S608 - the tables above
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE rebuilt RENAME TO {table}")
    for statement in again:
        connection.exec_driver_sql(statement)
    if counted is not None:  # an id is never used twice, also that of a row that is gone
        connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (counted, table))
