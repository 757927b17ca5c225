"""The tables of uploads in pieces: the file that a client sends, and the bytes of it that have arrived."""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint, text

from ml_training.db.columns import BigId, id_column, integer, project_column, string, time
from ml_training.db.project_tables import metadata

uploads = Table(
    "uploads",
    metadata,
    id_column(),
    project_column(),
    string("file_name"),
    string("sha256", nullable=True),  # of the whole file, where the client has said it
    integer("bytes"),  # of the whole file
    integer("received_bytes"),
    integer("pieces"),
    string("created_by", nullable=True),  # the id of the key
    time("created_at"),
    time("changed_at"),  # of the last piece, or of the end
    Column("dataset_id", BigId, nullable=True),  # what was made of it; until then the upload is open
    string("request_sha256", nullable=True),  # of the fields that the data set was asked for with
    sqlite_autoincrement=True,
)
OPEN = text("dataset_id IS NULL")
Index("uploads_open", uploads.c.project_id, uploads.c.id, sqlite_where=OPEN, postgresql_where=OPEN)
Index("uploads_changed", uploads.c.changed_at)

upload_pieces = Table(  # those of an open upload; without a gap, from the first byte on
    "upload_pieces",
    metadata,
    id_column(),
    Column("upload_id", BigId, ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False),
    integer("first_byte"),  # its place in the file; that of the first piece is 0
    integer("bytes"),
    string("key"),
    string("sha256"),
    UniqueConstraint("upload_id", "first_byte", name="upload_pieces_place"),
    sqlite_autoincrement=True,
)
Index("upload_pieces_key", upload_pieces.c.key)
