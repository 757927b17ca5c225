"""Where a data set comes from when nobody uploaded it: a query on a connection, or a file in a bucket.

The code before this revision keeps working on it: it neither reads nor writes what is new.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
oldest_code = "0009"


def upgrade() -> None:
    """Add three columns, and the index that finds the newest version from the same origin."""
    op.add_column("datasets", sa.Column("origin", sa.JSON(), nullable=True))
    op.add_column("datasets", sa.Column("origin_sha256", sa.Text(), nullable=True))
    op.add_column("datasets", sa.Column("origin_version", sa.Text(), nullable=True))
    known = sa.text("origin_sha256 IS NOT NULL")
    columns = ["project_id", "name", "origin_sha256", "version"]
    op.create_index("datasets_origin", "datasets", columns, sqlite_where=known, postgresql_where=known)
