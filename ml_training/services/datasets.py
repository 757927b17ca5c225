"""Creates data sets: the bytes go to storage, then one transaction creates the row and its INGEST job."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, jobs
from ml_training.db.datasets import StoredUpload
from ml_training.db.removals import BytesRemoved, count_removals
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from ml_training.domain.file_options import FileOptions
from ml_training.domain.file_signatures import SNIFF_BYTES, sniff
from ml_training.domain.names import NAME_HINT, is_name
from ml_training.domain.origins import Origin, origin_json
from ml_training.domain.records import Dataset
from ml_training.domain.sample_datasets import SAMPLE_FORMAT, SAMPLES
from ml_training.domain.specs import IngestSpec, JobType, fingerprint, spec_json
from ml_training.process.counted_put import counted_put
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.queries import get_dataset
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources
from ml_training.storage.base import ObjectKind, StoredObject

AS_IT_LOOKS = FileOptions()
INGEST_PRIORITY = 1  # a user waits for it, and no other job on the data set can start before


def store_upload(resources: Resources, file_format: str, chunks: Iterable[bytes]) -> StoredObject:
    """Stream an upload to storage; raises TooLarge, or Invalid when its first bytes show another format.

    Raises Unavailable, and writes nothing, when this process sees another storage than the database's.
    """
    resources.require_storage(may_begin=True)
    checked, limit = sniffed(chunks, file_format), resources.limits.upload_bytes
    return counted_put(
        resources.database, lambda: resources.storage.put_stream(ObjectKind.UPLOAD, checked, limit_bytes=limit)
    )


def accept_upload(
    resources: Resources,
    *,
    name: str,
    file_format: str,
    stored: StoredObject,
    time_column: str | None = None,
    phase_column: str | None = None,
    group_column: str | None = None,
    options: FileOptions = AS_IT_LOOKS,
    is_stored_before: bool = False,
    origin: Origin | None = None,
    before_commit: Callable[[Connection, int], None] | None = None,
) -> Dataset:
    """Store a PROCESSING data set over stored bytes, with its INGEST job; bytes of a refused request are swept later.

    is_stored_before: the bytes are those of another data set, which must still be there at the COMMIT. origin: where a
    worker gets the rows from; then `stored` is only what was asked for. before_commit: called in the transaction with
    the id of the data set. Raises Invalid, NotFound (it is not), TooMany (queue full), Conflict (quota), Unavailable
    (also when the bytes were removed while they were stored).
    """
    columns = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
    if errors := [*_name_errors(name), *_column_errors(columns, resources.limits.column_name_characters)]:
        raise Invalid("the data set cannot be taken in", errors=tuple(errors))
    came_from = (
        {}
        if origin is None
        else {"origin": (kept := origin_json(origin)), "origin_sha256": fingerprint([kept, columns])}
    )
    with audited_change(resources.database, resources.caller, AuditAction.DATASET_CREATE) as change:
        connection = change.connection
        check_queue_limit(connection, resources, 1, new_bytes=stored.size, stores_file=origin is not None)
        if is_stored_before and not datasets.find_upload(connection, stored.sha256, file_format=file_format, lock=True):
            raise _no_upload(stored.sha256)
        dataset_id = _insert(
            connection,
            stored,
            name=name,
            file_format=file_format,
            created_by=resources.caller.key_id,
            **columns,
            **came_from,
        )
        change.subject_ids.append(dataset_id)
        job_id = insert_ingest(
            connection, resources, IngestSpec(job_type="INGEST", dataset_id=dataset_id, options=options)
        )
        datasets.attach_job(connection, dataset_id, job_id)
        if before_commit is not None:
            before_commit(connection, dataset_id)
        # Read inside the transaction: an outage after the COMMIT would answer 503 for a data set that is stored.
        dataset = datasets.get_dataset(connection, dataset_id)
    if dataset is None:  # cannot be: the row is of this transaction
        raise NotFound(f"there is no data set {dataset_id}")
    resources.permits.publish()
    return dataset


def _insert(connection: Connection, stored: StoredObject, **values: Any) -> int:
    raw = {"raw_key": stored.key, "raw_sha256": stored.sha256, "raw_bytes": stored.size}
    try:
        return datasets.insert_dataset(connection, put_after=stored.put_after, **raw, **values)
    except BytesRemoved as error:
        message = "equal bytes, which nothing needed, were removed while these were stored: send the file again"
        raise Unavailable(message, retry_after=2) from error


def insert_ingest(connection: Connection, resources: Resources, spec: IngestSpec) -> int:
    """Store an INGEST job; its id."""
    return jobs.insert_job(
        connection,
        job_type=JobType.INGEST,
        model_type="none",
        spec=spec_json(spec),
        dataset_id=spec.dataset_id,
        created_by=resources.caller.key_id,
        priority=INGEST_PRIORITY,
        max_runtime_seconds=float(resources.limits.runtime_seconds),
        phases_count=0,
    )


def find_upload(resources: Resources, sha256: str) -> StoredUpload:
    """The uploaded file with this content that a data set names; raises NotFound."""
    with resources.database.read() as connection:
        found = datasets.find_upload(connection, sha256)
    if not found:
        raise _no_upload(sha256)
    return found[0]


def accept_stored_file(resources: Resources, *, sha256: str, file_format: str, **form: Any) -> Dataset:
    """Store a data set over the bytes of an upload that another data set names, so that nobody sends them again.

    form: the other arguments of `accept_upload`. Raises NotFound when no data set of this format has these bytes, or
    when they are damaged or gone: then the file must be uploaded, which also repairs the bytes.
    """
    with resources.database.read() as connection:
        found = datasets.find_upload(connection, sha256, file_format=file_format)
        removals = count_removals(connection)
    if not found or not resources.storage.verify(found[0].key, sha256):
        raise _no_upload(sha256)
    stored = StoredObject(found[0].key, sha256, found[0].size, put_after=removals)
    return accept_upload(resources, file_format=file_format, stored=stored, is_stored_before=True, **form)


def accept_sample(resources: Resources, *, name: str, sample: str) -> Dataset:
    """Store a sample data set with its roles; a worker writes its bytes, so that the API does not load scikit-learn."""
    errors = _name_errors(name)
    if sample not in SAMPLES:
        errors.append(FieldError("/sample", f"must be one of {', '.join(SAMPLES)}"))
    if errors:
        raise Invalid("the data set cannot be taken in", errors=tuple(errors))
    resources.require_storage(may_begin=True)
    request = json.dumps({"sample": sample}).encode()
    stored = counted_put(resources.database, lambda: resources.storage.put_bytes(ObjectKind.UPLOAD, request))
    known = SAMPLES[sample]
    return accept_upload(
        resources,
        name=name,
        file_format=SAMPLE_FORMAT,
        stored=stored,
        time_column=known.time_column,
        phase_column=known.phase_column,
        group_column=known.group_column,
    )


def delete_dataset(resources: Resources, dataset_id: int) -> None:
    """Soft delete.

    Raises NotFound, Forbidden (another key made it), or Conflict while a job that has not ended needs the data set.
    """
    dataset = get_dataset(resources, dataset_id)
    require_owner(resources.caller, dataset.created_by, f"data set {dataset_id}")
    with audited_change(resources.database, resources.caller, AuditAction.DATASET_DELETE, dataset_id) as change:
        connection = change.connection
        if not datasets.lock_datasets(connection, [dataset_id], alone=True):
            raise NotFound(f"there is no data set {dataset_id}")
        if jobs.uses_dataset(connection, dataset_id):
            raise Conflict(f"a job that has not ended needs data set {dataset_id}: wait for it or cancel it")
        datasets.mark_deleted(connection, dataset_id)


def _no_upload(sha256: str) -> NotFound:
    return NotFound(f"no data set has an uploaded file with the SHA-256 {sha256}: upload the file")


def _name_errors(name: str) -> list[FieldError]:
    return [] if is_name(name) else [FieldError("/name", f"must be {NAME_HINT}")]


def _column_errors(columns: Mapping[str, str | None], longest: int) -> list[FieldError]:
    return [
        FieldError(f"/{field}", f"must be 1 to {longest} characters")
        for field, column in columns.items()
        if column is not None and not 1 <= len(column) <= longest
    ]


def sniffed(chunks: Iterable[bytes], file_format: str, *, size: int | None = None) -> Iterator[bytes]:
    """The chunks; raises Invalid before the first one when they are not the beginning of a file of this format.

    size: of the whole file, in bytes, where `chunks` may end before it; then too few of them say nothing.
    """
    head = b""
    source = iter(chunks)
    while len(head) < SNIFF_BYTES and (chunk := next(source, b"")):
        head += chunk
    is_enough = size is None or len(head) >= min(size, SNIFF_BYTES)
    reason = sniff(head, file_format) if is_enough else None
    if reason is not None:
        raise Invalid("the file is not what it says it is", errors=(FieldError("/file", reason),))
    yield head
    yield from source
