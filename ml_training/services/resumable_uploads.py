"""Uploads in pieces: after a broken connection the rest of the file is sent, and one data set is made of the whole."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from ml_training.db import uploads
from ml_training.db.removals import BytesRemoved, count_removals
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import Conflict, Invalid, NotFound, TooLarge, TooMany, Unavailable
from ml_training.domain.file_formats import format_of_name
from ml_training.domain.file_options import FileOptions
from ml_training.domain.records import Dataset
from ml_training.domain.resumable_upload import MOST_OPEN, MOST_PIECES, ResumableUpload
from ml_training.domain.specs import fingerprint
from ml_training.process.counted_put import counted_put
from ml_training.services.audit import audited_change
from ml_training.services.datasets import accept_upload, sniffed, store_upload
from ml_training.services.ownership import require_owner
from ml_training.services.queries import get_dataset
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources
from ml_training.storage.base import IntegrityError, ObjectKind, Storage, StoredObject

CHUNK_BYTES = 1 << 20
REMOVED_MEANWHILE = "equal bytes, which nothing needed, were removed while these were stored: send them again"


class WrongOffset(Conflict):
    """The bytes do not begin where the upload ends; `upload`: it as it is now."""

    def __init__(self, upload: ResumableUpload) -> None:
        super().__init__(f"the next byte of upload {upload.id} is number {upload.received_bytes:,}: send it from there")
        self.upload = upload


class _WrongBytes(Conflict):
    """What has arrived can never become the file."""

    def __init__(self, upload_id: int, why: str) -> None:
        super().__init__(f"{why}: upload {upload_id} was deleted, send the file again")


class _EndedBefore(Exception):
    """Another request made the data set of the upload."""


def create_upload(
    resources: Resources, *, file_name: str, size: int, sha256: str | None
) -> tuple[ResumableUpload, bool]:
    """An upload for a file of `size` bytes, and whether it is new.

    sha256: of the whole file. An open upload of this key for a file of equal name, size and SHA-256 is taken: a client
    that was started again sends the rest. Raises TooLarge, Conflict (quota), TooMany, Unavailable.
    """
    if size > (limit := resources.limits.upload_bytes):
        raise TooLarge(f"the file has {size:,} bytes, and the limit is {limit:,}")
    resources.require_storage(may_begin=True)
    with audited_change(resources.database, resources.caller, AuditAction.UPLOAD_CREATE) as change:
        found = uploads.open_uploads(change.connection, limit=MOST_OPEN)
        wanted = (file_name, size, sha256, resources.caller.key_id)
        for upload in found if sha256 else ():
            if (upload.file_name, upload.bytes, upload.sha256, upload.created_by) == wanted:
                return upload, False
        if len(found) >= MOST_OPEN:
            raise TooMany(f"the project has {MOST_OPEN} open uploads: finish or delete one of GET /uploads")
        # What is open counts too. The exact check is that of the data set, in `accept_upload`.
        open_bytes = uploads.bytes_of_open_uploads(change.connection)
        check_queue_limit(change.connection, resources, 0, new_bytes=open_bytes + size)
        upload = uploads.insert_upload(
            change.connection, file_name=file_name, sha256=sha256, bytes=size, created_by=resources.caller.key_id
        )
        change.subject_ids.append(upload.id)
    return upload, True


def get_upload(resources: Resources, upload_id: int) -> ResumableUpload:
    """The upload; raises NotFound."""
    with resources.database.read() as connection:
        found = uploads.get_upload(connection, upload_id)
    if found is None:
        raise NotFound(f"there is no upload {upload_id}: it was deleted, or nothing arrived for a day")
    return found


def list_uploads(resources: Resources) -> Sequence[ResumableUpload]:
    """The open uploads of the project, the oldest first."""
    with resources.database.read() as connection:
        return uploads.open_uploads(connection, limit=MOST_OPEN)


def append_piece(resources: Resources, upload_id: int, *, offset: int, chunks: Iterable[bytes]) -> ResumableUpload:
    """Store the bytes from `offset` on; the upload after it. All bytes of `chunks` are one piece.

    Raises NotFound, Forbidden, WrongOffset, Conflict, TooLarge (more than is missing), Unavailable, and Invalid when
    the first bytes show another format than the name.
    """
    upload = get_upload(resources, upload_id)
    require_owner(resources.caller, upload.created_by, f"upload {upload_id}")
    _require_room(upload, offset)
    resources.require_storage()
    checked, missing = _with_checked_start(upload, offset, chunks), upload.bytes - offset
    stored = counted_put(
        resources.database, lambda: resources.storage.put_stream(ObjectKind.UPLOAD, checked, limit_bytes=missing)
    )
    if not stored.size:
        return upload
    piece = uploads.Piece(stored.key, stored.sha256, stored.size)
    try:
        with resources.database.write() as connection:
            is_added = uploads.add_piece(
                connection, upload_id, first_byte=offset, piece=piece, put_after=stored.put_after
            )
    except BytesRemoved as error:
        raise Unavailable(REMOVED_MEANWHILE, retry_after=2) from error
    found = get_upload(resources, upload_id)
    if not is_added:
        _require_room(found, offset)
        raise WrongOffset(found)
    return found


def delete_upload(resources: Resources, upload_id: int) -> None:
    """Forget an upload; a data set that was made of it stays. Raises NotFound, Forbidden."""
    upload = get_upload(resources, upload_id)
    require_owner(resources.caller, upload.created_by, f"upload {upload_id}")
    with audited_change(resources.database, resources.caller, AuditAction.UPLOAD_DELETE, upload_id) as change:
        if not uploads.delete_upload(change.connection, upload_id):
            raise NotFound(f"there is no upload {upload_id}")


def accept_pieces(resources: Resources, upload_id: int, *, options: FileOptions, **about: Any) -> Dataset:
    """The data set of a whole upload; asked for again in the same way, it is the same one.

    about: name, time_column, phase_column, group_column. Raises NotFound, Forbidden, Invalid, Conflict (bytes are
    missing or damaged, or another data set was made of it), and what `store_upload` and `accept_upload` raise.
    """
    upload = get_upload(resources, upload_id)
    require_owner(resources.caller, upload.created_by, f"upload {upload_id}")
    file_format = format_of_name(upload.file_name) or ""  # it was looked at when the upload was made
    if errors := options.errors_for(file_format):
        raise Invalid("the request is wrong", errors=tuple(errors))
    request_sha256 = fingerprint([options.model_dump(), about])
    if upload.dataset_id is not None:
        return _made_before(resources, upload, request_sha256)
    if upload.received_bytes < upload.bytes:
        got, whole = upload.received_bytes, upload.bytes
        raise Conflict(f"{got:,} of {whole:,} bytes of upload {upload_id} have arrived: send the others first")
    try:
        stored = _whole_file(resources, upload, file_format)
    except _WrongBytes:  # else a client that asks for the same file would find them again
        with resources.database.write() as connection:
            uploads.delete_upload(connection, upload_id)
        raise

    def end(connection: Connection, dataset_id: int) -> None:
        if not uploads.end_upload(connection, upload_id, dataset_id=dataset_id, request_sha256=request_sha256):
            raise _EndedBefore

    try:
        return accept_upload(
            resources, file_format=file_format, stored=stored, options=options, before_commit=end, **about
        )
    except _EndedBefore:
        return _made_before(resources, get_upload(resources, upload_id), request_sha256)


def _require_room(upload: ResumableUpload, offset: int) -> None:
    if upload.dataset_id is not None:
        raise Conflict(f"upload {upload.id} has ended: data set {upload.dataset_id} was made of it")
    if offset != upload.received_bytes:
        raise WrongOffset(upload)
    if upload.pieces >= MOST_PIECES:
        raise Conflict(f"upload {upload.id} has {MOST_PIECES:,} pieces: delete it, and send larger ones")


def _with_checked_start(upload: ResumableUpload, offset: int, chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The chunks; before anything is stored, the first bytes of the file are compared with the format of its name."""
    return chunks if offset else sniffed(chunks, format_of_name(upload.file_name) or "", size=upload.bytes)


def _made_before(resources: Resources, upload: ResumableUpload, request_sha256: str) -> Dataset:
    if upload.dataset_id is None:  # cannot be: a data set is never taken away from an upload
        raise Conflict(f"upload {upload.id} is open")
    if upload.request_sha256 != request_sha256:
        message = f"data set {upload.dataset_id} was made of upload {upload.id} with other fields"
        raise Conflict(f"{message}: name the sha256 of the file in place of the upload")
    return get_dataset(resources, upload.dataset_id)


def _whole_file(resources: Resources, upload: ResumableUpload, file_format: str) -> StoredObject:
    """One object with all bytes: that of the only piece, else a new one; raises _WrongBytes, and as `store_upload`."""
    with resources.database.read() as connection:
        removals = count_removals(connection)  # none of them was of a piece, since its row names it
        pieces = uploads.pieces_of(connection, upload.id)
    if len(pieces) == 1:
        [only] = pieces
        stored = StoredObject(only.key, only.sha256, only.bytes, put_after=removals)
    else:
        stored = store_upload(resources, file_format, _content(resources.storage, upload.id, pieces))
    if upload.sha256 not in (None, stored.sha256):
        raise _WrongBytes(upload.id, "the bytes have another SHA-256 than was announced")
    return stored


def _content(storage: Storage, upload_id: int, pieces: Sequence[uploads.Piece]) -> Iterator[bytes]:
    """The bytes of the pieces one after the other, each compared with its hash; raises _WrongBytes."""
    for piece in pieces:
        digest = hashlib.sha256()
        try:
            with storage.local(piece.key) as path, path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    yield chunk
        except (FileNotFoundError, IntegrityError):
            digest = hashlib.sha256()
        if digest.hexdigest() != piece.sha256:
            raise _WrongBytes(upload_id, "a piece is damaged")
