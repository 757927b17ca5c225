"""Creates data sets from where their rows are: a query on a connection, or a file below a root. A worker gets them."""

import json
from typing import Any

from ml_training.db import datasets, jobs
from ml_training.db.projects import own_name
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.domain.file_formats import FORMATS, format_of_name
from ml_training.domain.origins import FileOrigin, Origin, QueryOrigin, origin_json, stored_origin
from ml_training.domain.records import Dataset, Job
from ml_training.domain.specs import IngestSpec
from ml_training.domain.states import DatasetStatus
from ml_training.services.audit import audited_change
from ml_training.services.datasets import accept_upload, insert_ingest
from ml_training.services.queries import get_dataset
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources
from ml_training.storage.base import ObjectKind

QUERY_FORMAT = "parquet"  # of the file that a worker makes of the rows


def list_connections(resources: Resources) -> list[dict[str, str]]:
    """The names and kinds of the connections that the caller's project may use."""
    found = resources.sources.connections(_project(resources))
    return [{"name": name, "kind": kind} for name, kind in found.items()]


def accept_origin(resources: Resources, origin: Origin, **about: Any) -> Dataset:
    """Store a PROCESSING data set whose rows a worker gets from `origin`.

    about: name, time_column, phase_column, group_column. Raises what `accept_upload` raises.
    """
    file_format, errors = _checked(resources, origin)
    if errors:
        raise Invalid("the data set cannot be taken in", errors=tuple(errors))
    resources.require_storage(may_begin=True)
    # What was asked for is the upload until the worker puts the rows in its place, as with a sample.
    asked = json.dumps(origin_json(origin), sort_keys=True).encode()
    stored = resources.storage.put_bytes(ObjectKind.UPLOAD, asked)
    return accept_upload(
        resources, file_format=file_format, stored=stored, options=origin.options, origin=origin, **about
    )


def refresh_dataset(resources: Resources, dataset_id: int) -> Job:
    """The job that asks the origin of a data set again; one that has not ended yet is the answer to every request.

    Raises NotFound, Invalid (the origin is not configured any more), Conflict (somebody uploaded the data set, or it is
    not taken in yet), TooMany, Unavailable.
    """
    dataset = get_dataset(resources, dataset_id)
    origin = stored_origin(dataset.origin)
    if origin is None:
        raise Conflict(f"data set {dataset_id} was uploaded: only one from a query or a source can be refreshed")
    if dataset.status is DatasetStatus.PROCESSING:
        raise Conflict(f"data set {dataset_id} is not taken in yet: wait for it")
    _, errors = _checked(resources, origin)
    if errors:
        raise Invalid("the data set cannot be refreshed", errors=tuple(errors))
    with audited_change(resources.database, resources.caller, AuditAction.DATASET_REFRESH) as change:
        connection = change.connection
        if not datasets.lock_datasets(connection, [dataset_id], alone=True):
            raise NotFound(f"there is no data set {dataset_id}")
        job_id = jobs.live_ingest(connection, dataset_id)
        if job_id is None:
            check_queue_limit(connection, resources, 1, stores_file=True)
            spec = IngestSpec(job_type="INGEST", dataset_id=dataset_id, options=origin.options, refresh=True)
            job_id = insert_ingest(connection, resources, spec)
            change.subject_ids.append(dataset_id)
        job = jobs.get_job(connection, job_id)
    if job is None:  # cannot be: the row is of this transaction
        raise NotFound(f"there is no job {job_id}")
    resources.permits.publish()
    return job


def _checked(resources: Resources, origin: Origin) -> tuple[str, list[FieldError]]:
    """The format of the file that the worker will have, and what is wrong with the origin."""
    project = _project(resources)
    if isinstance(origin, QueryOrigin):
        errors = _unknown("/connection", origin.connection, list(resources.sources.connections(project)), "connection")
        longest = resources.limits.query_characters
        if len(origin.query) > longest:
            errors.append(FieldError("/query", f"must be at most {longest:,} characters: make a view of it"))
        if "\0" in origin.query:
            errors.append(FieldError("/query", "contains a NUL character: remove it"))
        return QUERY_FORMAT, errors + origin.options.errors_for(QUERY_FORMAT)
    return _checked_file(origin, list(resources.sources.roots(project)))


def _checked_file(origin: FileOrigin, roots: list[str]) -> tuple[str, list[FieldError]]:
    errors = _unknown("/source", origin.root, roots, "root")
    file_format = format_of_name(origin.key)
    if file_format is None:
        errors.append(FieldError("/source", f"must end in {', '.join(FORMATS)}: rename the object"))
        return "", errors
    return file_format, errors + origin.options.errors_for(file_format)


def _unknown(pointer: str, name: str, known: list[str], what: str) -> list[FieldError]:
    if name in known:
        return []
    listed = f"known are {', '.join(known)}" if known else "none is configured for this project"
    return [FieldError(pointer, f"names no {what}: {listed}")]


def _project(resources: Resources) -> str:
    with resources.database.read() as connection:
        return own_name(connection)
