"""Uploads in pieces.

The code before this revision keeps working on it: it only gets tables. While such code runs, its sweeper removes the
pieces of an upload that is open for more than an hour, and that upload must be sent again.

Revision ID: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
oldest_code = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("dataset_id IS NULL")


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "uploads",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("project_id", BIG, nullable=False, server_default=sa.text("1")),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("dataset_id", BIG, nullable=True),
        sa.Column("request_sha256", sa.Text(), nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("uploads_open", "uploads", ["project_id", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("uploads_changed", "uploads", ["changed_at"])
    op.create_table(
        "upload_pieces",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("upload_id", BIG, sa.ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False),
        sa.Column("first_byte", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.UniqueConstraint("upload_id", "first_byte", name="upload_pieces_place"),
        sqlite_autoincrement=True,
    )
    op.create_index("upload_pieces_key", "upload_pieces", ["key"])
