"""Indexes on the beginnings of names, for the search in lists; and the name of a study's model.

The code before this revision keeps working on it: it only gets indexes, and a column that may be null. A study that
such code stores has no name, and no search finds it.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
oldest_code = "0009"

KEYS = {
    "sqlite": "(lower({name}) || ' ' || substr('0000000000000000000' || (9223372036854775807 - id), -19))",
    "postgresql": """(lower({name} COLLATE "C") || ' ' || lpad(CAST(9223372036854775807 - id AS text), 19, '0'))""",
}
INDEXES = (
    ("jobs_search", "jobs", "model_name", "status, ", "model_name IS NOT NULL AND parent_id IS NULL"),
    ("models_search", "models", "name", "model_type, ", "deleted_at IS NULL"),
    ("datasets_search", "datasets", "name", "status, ", "deleted_at IS NULL"),
    ("studies_search", "studies", "model_name", "", "model_name IS NOT NULL"),
)


def upgrade() -> None:
    """One column, filled from the models, and four indexes."""
    op.add_column("studies", sa.Column("model_name", sa.Text(), nullable=True))
    op.execute("UPDATE studies SET model_name = (SELECT name FROM models WHERE models.id = studies.best_model_id)")
    key = KEYS[op.get_bind().dialect.name]
    for index, table, name, choice, condition in INDEXES:
        columns = f"project_id, {choice}{key.format(name=name)}"
        op.get_bind().exec_driver_sql(f"CREATE INDEX {index} ON {table} ({columns}) WHERE {condition}")
