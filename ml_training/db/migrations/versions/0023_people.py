"""The person behind a key that is a session of somebody who signed in.

The code before this revision keeps working on it: the column may be null, and such code takes a session for a key.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
oldest_code = "0009"


def upgrade() -> None:
    """One column, and the index that finds the sessions of a person."""
    op.add_column("api_keys", sa.Column("person_id", sa.Text(), nullable=True))
    op.create_index(
        "api_keys_sessions",
        "api_keys",
        ["person_id", "id"],
        sqlite_where=sa.text("person_id IS NOT NULL AND revoked_at IS NULL"),
        postgresql_where=sa.text("person_id IS NOT NULL AND revoked_at IS NULL"),
    )
