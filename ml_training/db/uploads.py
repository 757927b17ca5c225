"""Every statement about uploads in pieces."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ml_training.db.clock import db_now, read_clock
from ml_training.db.project_scope import own
from ml_training.db.removals import keep_objects
from ml_training.db.upload_tables import upload_pieces, uploads
from ml_training.domain.resumable_upload import ResumableUpload

_COLUMNS = [column for column in uploads.c if column.name != "project_id"]
_ONE = select(*_COLUMNS).where(own(uploads), uploads.c.id == bindparam("upload_id"))
_IS_OPEN = uploads.c.dataset_id.is_(None)
_OPEN = select(*_COLUMNS).where(own(uploads), _IS_OPEN).order_by(uploads.c.id)
_OPEN_BYTES = select(func.coalesce(func.sum(uploads.c.bytes), 0)).where(own(uploads), _IS_OPEN)
_PIECES = select(upload_pieces.c.key, upload_pieces.c.sha256, upload_pieces.c.bytes)
_PIECES = _PIECES.where(upload_pieces.c.upload_id == bindparam("upload_id")).order_by(upload_pieces.c.first_byte)


class Piece(NamedTuple):
    """Where the bytes of a piece are."""

    key: str
    sha256: str
    bytes: int


def insert_upload(connection: Connection, **values: Any) -> ResumableUpload:
    """Store an open upload of which nothing has arrived; values: file_name, sha256, bytes, created_by."""
    now = read_clock(connection)
    row = {"received_bytes": 0, "pieces": 0, "created_at": now, "changed_at": now, **values}
    stored = insert(uploads).values(**row).returning(*_COLUMNS)
    return ResumableUpload(**connection.execute(stored).mappings().one())


def get_upload(connection: Connection, upload_id: int) -> ResumableUpload | None:
    """The upload, or None."""
    row = connection.execute(_ONE, {"upload_id": upload_id}).mappings().first()
    return None if row is None else ResumableUpload(**row)


def open_uploads(connection: Connection, *, limit: int) -> Sequence[ResumableUpload]:
    """The oldest uploads of which no data set was made."""
    return [ResumableUpload(**row) for row in connection.execute(_OPEN.limit(limit)).mappings()]


def bytes_of_open_uploads(connection: Connection) -> int:
    """The sum of their whole files, of which some bytes may not have arrived."""
    return int(connection.execute(_OPEN_BYTES).scalar_one())


def add_piece(connection: Connection, upload_id: int, *, first_byte: int, piece: Piece, put_after: int | None) -> bool:
    """Store the next piece; False, and nothing is changed, unless the upload is open and ends at `first_byte`.

    put_after: of its bytes; raises BytesRemoved.
    """
    keep_objects(connection, [piece.key], put_after=put_after)
    end = first_byte + piece.bytes
    ends_here = own(uploads), uploads.c.id == upload_id, uploads.c.received_bytes == first_byte, _IS_OPEN
    grown = update(uploads).where(*ends_here, uploads.c.bytes >= end)
    grown = grown.values(received_bytes=end, pieces=uploads.c.pieces + 1, changed_at=db_now())
    if connection.execute(grown).rowcount != 1:
        return False
    connection.execute(insert(upload_pieces).values(upload_id=upload_id, first_byte=first_byte, **piece._asdict()))
    return True


def pieces_of(connection: Connection, upload_id: int) -> Sequence[Piece]:
    """Its pieces in the order of the file; the caller has looked whose upload it is."""
    return [Piece(*row) for row in connection.execute(_PIECES, {"upload_id": upload_id})]


def end_upload(connection: Connection, upload_id: int, *, dataset_id: int, request_sha256: str) -> bool:
    """A data set was made of it: its pieces go. False, and nothing is changed, if one was made before."""
    is_whole = uploads.c.received_bytes == uploads.c.bytes
    ended = update(uploads).where(own(uploads), uploads.c.id == upload_id, _IS_OPEN, is_whole)
    ended = ended.values(dataset_id=dataset_id, request_sha256=request_sha256, changed_at=db_now())
    if connection.execute(ended).rowcount != 1:
        return False
    connection.execute(delete(upload_pieces).where(upload_pieces.c.upload_id == upload_id))
    return True


def delete_upload(connection: Connection, upload_id: int) -> bool:
    """Forget an upload and its pieces, not the data set; False when there is none."""
    return connection.execute(delete(uploads).where(own(uploads), uploads.c.id == upload_id)).rowcount == 1


def forget_uploads(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Delete up to `limit` uploads of all projects to which nothing has happened for so long; returns how many."""
    old = select(uploads.c.id).where(uploads.c.changed_at < read_clock(connection) - older_than_seconds)
    old = old.order_by(uploads.c.changed_at).limit(limit)
    return connection.execute(delete(uploads).where(uploads.c.id.in_(old.scalar_subquery()))).rowcount
