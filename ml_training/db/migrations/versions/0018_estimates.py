"""What a dry run said of a job before it was submitted, and triggers that count whether it was right.

The code before this revision keeps working on it: it stores no estimates.

Revision ID: 0018
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
oldest_code = "0009"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Two columns and two triggers."""
    op.add_column("jobs", sa.Column("estimated_seconds", sa.Double(), nullable=True))
    op.add_column("jobs", sa.Column("estimated_wait", sa.Double(), nullable=True))
    script = SQL / f"0018_estimates.{op.get_bind().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)
