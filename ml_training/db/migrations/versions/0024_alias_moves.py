"""Where each alias has pointed to, and who moved it.

The code before this revision keeps working on it: it only gets a table, in which the moves of such code are missing.

Revision ID: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
oldest_code = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The table; the aliases that there are have been where they are since they were set."""
    op.create_table(
        "alias_moves",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("project_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("model_id", BIG, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("moved_at", sa.Double(), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("alias_moves_name", "alias_moves", ["project_id", "name", "id"])
    op.get_bind().exec_driver_sql("""
        INSERT INTO alias_moves (project_id, name, alias, model_id, version, moved_at)
        SELECT a.project_id, a.name, a.alias, a.model_id, m.version, a.created_at
        FROM model_aliases a JOIN models m ON m.id = a.model_id ORDER BY a.created_at, a.name, a.alias""")
