"""Reads for the API: single records, pages, and waiting until a job or data set is done."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from ml_training.db import audit, datasets, job_events, job_lists, jobs, keys, results
from ml_training.db.name_search import key_of
from ml_training.db.results import ResultT
from ml_training.domain.api_keys import StoredKey
from ml_training.domain.audit import AuditRecord
from ml_training.domain.errors import FieldError, Invalid, NotFound
from ml_training.domain.names import is_name
from ml_training.domain.records import Dataset, Job, JobEvent, Model
from ml_training.domain.states import DatasetStatus
from ml_training.queue.ended_jobs import Waiter, dataset_key, job_key
from ml_training.selection.preview import preview
from ml_training.services.feasibility import open_index
from ml_training.services.resources import Resources

T = TypeVar("T")
DEFAULT_PAGE = 50
NEWEST, OLDEST = "newest", "oldest"  # what comes first in a list
FIRST_STEP_SECONDS = 0.02
LONGEST_STEP_SECONDS = 0.4
LARGEST_ID = 2**63 - 1
DATASET_FILTERS = (("name", "status"),)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, in its order; `next_cursor` is None on the last page."""

    items: Sequence[T]
    next_cursor: str | None


def get_job(resources: Resources, job_id: int) -> Job:
    """The job, or NotFound."""
    return read_one(resources, jobs.get_job, job_id, "job")


def get_dataset(resources: Resources, dataset_id: int) -> Dataset:
    """The data set, or NotFound."""
    return read_one(resources, datasets.get_dataset, dataset_id, "data set")


def get_model(resources: Resources, model_id: int) -> Model:
    """The model, or NotFound."""
    return read_one(resources, results.get_model, model_id, "model")


def get_result(resources: Resources, record: type[ResultT], result_id: int) -> ResultT:
    """The test result or comparison, or NotFound."""

    def fetch(connection: Connection, wanted: int) -> ResultT | None:
        return results.get_result(connection, record, wanted)

    return read_one(resources, fetch, result_id, results.RESULT_TABLES[record].noun)


def list_jobs(
    resources: Resources,
    *,
    q: str | None = None,
    name: str | None = None,
    parent_id: int | None = None,
    dataset_id: int | None = None,
    status: str | None = None,
    job_type: str | None = None,
    model_type: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    sort: str = NEWEST,
) -> Page[Job]:
    """Jobs, the newest or the oldest first; a filter is the exact value or None, `name` the name of the model.

    q: see `search_page`. The jobs of studies are in none of these lists but that of their `parent_id`.
    """
    filters = _without_none(
        q=q,
        model_name=name,
        parent_id=parent_id,
        dataset_id=dataset_id,
        status=status,
        job_type=job_type,
        model_type=model_type,
    )
    _check_together(filters, (*job_lists.TOGETHER, ("q", "status")))
    if q is not None:
        search = partial(job_lists.search_jobs, status=status)
        return search_page(resources, search, q, cursor, limit, sort, name_of=lambda job: job.spec["model_name"])
    return _filtered_page(resources, job_lists.list_jobs, filters, cursor, limit, sort)


def list_datasets(
    resources: Resources,
    *,
    q: str | None = None,
    name: str | None = None,
    status: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    sort: str = NEWEST,
) -> Page[Dataset]:
    """Data sets, the newest or the oldest first; a filter is the exact value or None. q: see `search_page`."""
    filters = _without_none(q=q, name=name, status=status)
    _check_together(filters, (*DATASET_FILTERS, ("q", "status")))
    if q is not None:
        search = partial(datasets.search_datasets, status=status)
        return search_page(resources, search, q, cursor, limit, sort, name_of=lambda dataset: dataset.name)
    return _filtered_page(resources, datasets.list_datasets, filters, cursor, limit, sort)


def list_models(
    resources: Resources,
    *,
    q: str | None = None,
    name: str | None = None,
    alias: str | None = None,
    tag: str | None = None,
    model_type: str | None = None,
    dataset_id: int | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    sort: str = NEWEST,
) -> Page[Model]:
    """Models, the newest or the oldest first; a filter is the exact value or None. q: see `search_page`."""
    filters = _without_none(q=q, name=name, alias=alias, tag=tag, model_type=model_type, dataset_id=dataset_id)
    _check_together(filters, (*results.FILTERS_TOGETHER, ("q", "model_type")))
    if q is not None:
        search = partial(results.search_models, model_type=model_type)
        return search_page(resources, search, q, cursor, limit, sort, name_of=lambda model: model.name)
    return _filtered_page(resources, results.list_models, filters, cursor, limit, sort)


def list_results(
    resources: Resources, record: type[ResultT], *, cursor: str | None = None, limit: int | None = None
) -> Page[ResultT]:
    """Test results or comparisons, newest first."""

    def fetch(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[ResultT]:
        return results.list_results(connection, record, before_id=before_id, limit=limit)

    return read_page(resources, fetch, cursor, limit)


def list_keys(resources: Resources, *, cursor: str | None = None, limit: int | None = None) -> Page[StoredKey]:
    """API keys, newest first, the revoked ones too."""
    return read_page(resources, keys.list_keys, cursor, limit)


def list_audit(resources: Resources, *, cursor: str | None = None, limit: int | None = None) -> Page[AuditRecord]:
    """Entries of the audit, newest first."""
    return read_page(resources, audit.list_audit, cursor, limit)


def list_log(
    resources: Resources, job_id: int, *, cursor: str | None = None, limit: int | None = None
) -> Page[JobEvent]:
    """The log lines of a job, oldest first; the cursor is the `seq` of the last line that was read."""
    size, after = _page_size(resources, limit), _row_before(cursor)
    get_job(resources, job_id)
    with resources.database.read() as connection:
        lines = job_events.read_log(connection, job_id, after=after or 0, limit=size + 1)
    return Page(lines[:size], str(lines[size - 1].seq) if len(lines) > size else None)


def preview_dataset(resources: Resources, dataset_id: int, limit: int) -> list[dict[str, Any]]:
    """The first rows of a READY data set."""
    with open_index(resources, get_dataset(resources, dataset_id)) as index:
        return preview(index, limit)


def wait_for_job(resources: Resources, job_id: int, *, seconds: float) -> Job:
    """The job when it has ended, or as it is after `seconds`."""
    with resources.ended_jobs.watch(job_key(job_id)) as waiter:
        return _wait(waiter, lambda: get_job(resources, job_id), lambda job: job.status.is_terminal, seconds)


def wait_for_dataset(resources: Resources, dataset_id: int, *, seconds: float) -> Dataset:
    """The data set when it is READY or REJECTED, or as it is after `seconds`."""
    decided = {DatasetStatus.READY, DatasetStatus.REJECTED}
    with resources.ended_jobs.watch(dataset_key(dataset_id)) as waiter:
        return _wait(
            waiter, lambda: get_dataset(resources, dataset_id), lambda dataset: dataset.status in decided, seconds
        )


def _wait(waiter: Waiter, fetch: Callable[[], T], is_done: Callable[[T], bool], seconds: float) -> T:
    # Reading a row by its key takes 0.1 ms: while ends are not announced, the step grows slowly to 0.4 s, so that a
    # long wait costs little.
    deadline = time.monotonic() + seconds
    step = FIRST_STEP_SECONDS
    while True:
        found = fetch()
        left = deadline - time.monotonic()
        if is_done(found) or left <= 0:
            return found
        waiter.wait(min(LONGEST_STEP_SECONDS if waiter.is_live else step, left))
        step = min(1.2 * step, LONGEST_STEP_SECONDS)


def read_one(resources: Resources, fetch: Callable[[Connection, int], T | None], wanted: int, noun: str) -> T:
    """What `fetch` finds under the id, which a user gave; raises NotFound. noun: what it is called in the message."""
    found = None
    if 0 < wanted <= LARGEST_ID:
        with resources.database.read() as connection:
            found = fetch(connection, wanted)
    if found is None:
        raise NotFound(f"there is no {noun} {wanted}")
    return found


def _filtered_page(
    resources: Resources, read: Any, filters: Mapping[str, Any], cursor: str | None, limit: int | None, sort: str
) -> Page[Any]:
    def fetch(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[Any]:
        found: Sequence[Any] = read(connection, filters, before_id=before_id, limit=limit, oldest=sort == OLDEST)
        return found

    return read_page(resources, fetch, cursor, limit)


def read_page(resources: Resources, fetch: Any, cursor: str | None, limit: int | None) -> Page[Any]:
    """One page of a list; fetch: reads at most `limit` rows with ids below `before_id`."""
    size, before_id = _page_size(resources, limit), _row_before(cursor)
    with resources.database.read() as connection:
        items = fetch(connection, before_id=before_id, limit=size + 1)
    more = len(items) > size
    return Page(items[:size], str(items[size - 1].id) if more else None)


def search_page(
    resources: Resources,
    search: Any,
    q: str,
    cursor: str | None,
    limit: int | None,
    sort: str = NEWEST,
    *,
    name_of: Callable[[Any], str],
) -> Page[Any]:
    """Those whose name begins with q, whatever its case, in the order of the names; of one name the newest first.

    search: reads at most `limit` rows behind the key `after`, or from the first one; name_of: the name of such a row.
    """
    if sort == OLDEST:
        raise Invalid(
            "wrong query", errors=(FieldError("/sort", "leave it out: with q the order is that of the names"),)
        )
    size, after = _page_size(resources, limit), _key_before(q, cursor)
    if not is_name(q):  # then it is not the beginning of one either
        return Page([], None)
    with resources.database.read() as connection:
        items = search(connection, q, after=after, limit=size + 1)
    last = items[size - 1] if len(items) > size else None
    return Page(items[:size], None if last is None else f"{name_of(last).lower()}:{last.id}")


def _key_before(q: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    name, _, digits = cursor.rpartition(":")
    row_id = _row_before(digits)
    if row_id is None or not is_name(name) or not name.startswith(q.lower()):
        raise _wrong_cursor()
    return key_of(name, row_id)


def _check_together(filters: Mapping[str, Any], allowed: Sequence[Sequence[str]]) -> None:
    """Raise Invalid for filters that no index answers together: the list would have to read a whole table."""
    if not any(filters.keys() <= set(names) for names in allowed):
        ways = "; ".join(", ".join(names) for names in allowed).replace("model_name", "name")
        errors = [
            FieldError(f"/{name.replace('model_name', 'name')}", f"leave one out: these go together: {ways}")
            for name in filters
        ]
        raise Invalid("these filters do not go together", errors=tuple(errors))


def _without_none(**filters: Any) -> Mapping[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}


def _page_size(resources: Resources, limit: int | None) -> int:
    if limit is None:
        return min(DEFAULT_PAGE, resources.limits.page)
    if not 1 <= limit <= resources.limits.page:
        raise Invalid("wrong query", errors=(FieldError("/limit", f"must be 1 to {resources.limits.page}"),))
    return limit


def _row_before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19 and int(cursor) > 0):
        raise _wrong_cursor()
    return int(cursor)


def _wrong_cursor() -> Invalid:
    return Invalid("wrong query", errors=(FieldError("/cursor", "use the next_cursor of the page before"),))
