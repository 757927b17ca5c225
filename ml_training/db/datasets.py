"""Every statement about data sets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, insert, select, update

from ml_training.db.clock import db_now
from ml_training.db.name_search import page_by_name, search_values
from ml_training.db.newest import LIMIT, in_order, own_range, page_values
from ml_training.db.project_scope import own
from ml_training.db.removals import keep_objects
from ml_training.db.tables import datasets
from ml_training.db.versions import next_version
from ml_training.domain.records import Dataset
from ml_training.domain.sample_datasets import SAMPLE_FORMAT
from ml_training.domain.states import DatasetStatus

_COLUMNS = [column for column in datasets.c if column.name != "project_id"]
_LISTED = [column for column in _COLUMNS if column.name not in ("profile", "origin")]
# Built once: building a statement costs more than executing it.
_ANY = select(*_COLUMNS).where(own(datasets), datasets.c.id == bindparam("dataset_id"))
_KEPT = _ANY.where(datasets.c.deleted_at.is_(None))
_KEPT_READY = select(*_COLUMNS).where(
    own(datasets), datasets.c.status == DatasetStatus.READY, datasets.c.deleted_at.is_(None)
)
_EXISTING = select(datasets.c.id).where(
    own(datasets), datasets.c.id.in_(bindparam("ids", expanding=True)), datasets.c.deleted_at.is_(None)
)
_UPLOADS = (
    select(datasets.c.raw_key, datasets.c.raw_sha256, datasets.c.raw_bytes, datasets.c.file_format)
    .where(own(datasets), datasets.c.raw_sha256 == bindparam("sha256"), datasets.c.file_format != bindparam("sample"))
    .where(datasets.c.deleted_at.is_(None))
    .order_by(datasets.c.id)
)
_FROM_ORIGIN = (
    _KEPT_READY.where(datasets.c.name == bindparam("name"), datasets.c.origin_sha256 == bindparam("origin_sha256"))
    .where(datasets.c.origin_sha256.is_not(None))  # the condition of the index
    .order_by(datasets.c.version.desc())
    .limit(1)
)
_LOCK_SHARED, _LOCK_ALONE = (_EXISTING.order_by(datasets.c.id).with_for_update(read=shared) for shared in (True, False))


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """The stored bytes of an uploaded file."""

    key: str
    sha256: str
    size: int
    file_format: str


def insert_dataset(connection: Connection, *, put_after: int | None = None, **values: Any) -> int:
    """Store a PROCESSING data set under the next version of its name; returns its id.

    values: name, file_format, raw_key, raw_sha256, raw_bytes, time_column, phase_column, group_column; of one that
    nobody uploaded also origin, origin_sha256. put_after: of the stored upload; raises BytesRemoved.
    """
    keep_objects(connection, [values["raw_key"]], put_after=put_after)
    row = {
        "version": next_version(connection, "dataset", values["name"]),
        "status": DatasetStatus.PROCESSING,
        "index_bytes": 0,
        "reasons": [],
        "created_at": db_now(),
        **values,
    }
    return int(connection.execute(insert(datasets).values(**row).returning(datasets.c.id)).scalar_one())


def attach_job(connection: Connection, dataset_id: int, job_id: int) -> None:
    """Set the INGEST job that decides about the data set."""
    connection.execute(update(datasets).where(own(datasets), datasets.c.id == dataset_id).values(job_id=job_id))


def get_dataset(connection: Connection, dataset_id: int, *, deleted_too: bool = False) -> Dataset | None:
    """The data set, or None; a deleted one only with `deleted_too`."""
    row = connection.execute(_ANY if deleted_too else _KEPT, {"dataset_id": dataset_id}).mappings().first()
    return None if row is None else _dataset(row)


def lock_datasets(connection: Connection, dataset_ids: Collection[int], *, alone: bool) -> set[int]:
    """Lock the rows until the end of the transaction; returns those that are not deleted.

    A job takes them shared, a deletion `alone`: so no job is stored on a data set that is deleted concurrently.
    """
    return set(connection.execute(_LOCK_ALONE if alone else _LOCK_SHARED, {"ids": list(dataset_ids)}).scalars())


def existing_datasets(connection: Connection, dataset_ids: Collection[int]) -> set[int]:
    """Those that are not deleted."""
    return set(connection.execute(_EXISTING, {"ids": list(dataset_ids)}).scalars())


def list_datasets(
    connection: Connection, filters: Mapping[str, Any], *, before_id: int | None, limit: int, oldest: bool = False
) -> Sequence[Dataset]:
    """Newest or oldest first, without the deleted ones, each without its profile, which may be long and which no list
    shows, as its origin; filters: exact values of name, status. before_id: where the page before ended.
    """
    values = page_values(filters.items(), before_id=before_id, limit=limit, oldest=oldest)
    return [_dataset(row) for row in connection.execute(_list(frozenset(filters), oldest), values).mappings()]


def search_datasets(
    connection: Connection, beginning: str, *, status: str | None, after: str | None, limit: int
) -> Sequence[Dataset]:
    """Those whose name begins so, in the order of `name_search`, without what `list_datasets` leaves out; after: where
    the page before ended."""
    values = search_values(beginning, after=after, limit=limit)
    found = connection.execute(_search(None if status is None else DatasetStatus(status)), values)
    return [_dataset(row) for row in found.mappings()]


@cache
def _search(status: DatasetStatus | None) -> Select[Any]:
    choice = datasets.c.status, tuple(DatasetStatus) if status is None else (status,)
    return page_by_name(datasets, _LISTED, datasets.c.name, choice, datasets.c.deleted_at.is_(None))


@cache
def _list(filters: frozenset[str], oldest: bool) -> Select[Any]:
    query = select(*_LISTED)
    query = query.where(datasets.c.deleted_at.is_(None), *own_range(datasets))
    for name in sorted(filters):
        query = query.where(datasets.c[name] == bindparam(f"filter_{name}"))
    return query.order_by(*in_order(datasets, oldest=oldest)).limit(LIMIT)


def find_upload(
    connection: Connection, sha256: str, *, file_format: str | None = None, lock: bool = False
) -> Sequence[StoredUpload]:
    """The uploaded files with this content that data sets name, one for each format; samples are none.

    lock: the data sets are locked, shared, until the end of a transaction that writes: until then the bytes are not
    swept, and after it a row that was stored in the transaction keeps them.
    """
    query = _UPLOADS if file_format is None else _UPLOADS.where(datasets.c.file_format == file_format)
    query = query.with_for_update(read=True) if lock else query
    found = connection.execute(query, {"sha256": sha256, "sample": SAMPLE_FORMAT}).all()
    return list({row.file_format: StoredUpload(*row) for row in found}.values())


def newest_from(connection: Connection, name: str, origin_sha256: str) -> Dataset | None:
    """The newest READY version of a name that came from this origin; None if there is none."""
    found = connection.execute(_FROM_ORIGIN, {"name": name, "origin_sha256": origin_sha256}).mappings().first()
    return None if found is None else _dataset(found)


def mark_ready(connection: Connection, dataset_id: int, *, put_after: int | None = None, **values: Any) -> None:
    """PROCESSING -> READY with index_key, index_sha256, index_bytes, rows, columns, profile (and raw_* of one that
    nobody uploaded, with origin_version).

    put_after: of the object that was stored first; raises BytesRemoved.
    """
    keys = [values[name] for name in ("index_key", "raw_key") if name in values]
    keep_objects(connection, keys, put_after=put_after)
    _decide(connection, dataset_id, {"status": DatasetStatus.READY, **values})


def mark_rejected(connection: Connection, dataset_id: int, reasons: Sequence[dict[str, Any]]) -> None:
    """PROCESSING -> REJECTED; reasons: {"row", "column", "detail"} each."""
    _decide(connection, dataset_id, {"status": DatasetStatus.REJECTED, "reasons": list(reasons)})


def mark_deleted(connection: Connection, dataset_id: int) -> bool:
    """Soft delete; False when it was deleted before."""
    gone = update(datasets).where(own(datasets), datasets.c.id == dataset_id, datasets.c.deleted_at.is_(None))
    return connection.execute(gone.values(deleted_at=db_now())).rowcount == 1


def _decide(connection: Connection, dataset_id: int, values: dict[str, Any]) -> None:
    undecided = update(datasets).where(datasets.c.id == dataset_id, datasets.c.status == DatasetStatus.PROCESSING)
    connection.execute(undecided.values(**values))


def _dataset(row: RowMapping) -> Dataset:
    values = {"profile": None, "origin": None, **row}
    values["status"] = DatasetStatus(row["status"])
    values["reasons"] = tuple(row["reasons"])
    return Dataset(**values)
