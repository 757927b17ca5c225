"""Pages of jobs under filters; each combination of filters is answered from a few ranges of one index."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Select, Text, bindparam

from ml_training.db.job_rows import COLUMNS, WAITING_STUDY, job_of
from ml_training.db.name_search import page_by_name, search_values
from ml_training.db.newest import page_of, page_values
from ml_training.db.tables import jobs
from ml_training.domain.changes import RunningJob
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

_STATUS, _TYPE = (jobs.c.status, tuple(JobStatus)), (jobs.c.job_type, tuple(JobType))
# What each index answers; the first filter of a set is the first column of its index.
_INDEXES: Mapping[tuple[str, ...], tuple[tuple[Column[Any], tuple[Any, ...]], ...]] = {
    ("parent_id",): ((jobs.c.parent_id, ()),),
    ("model_name", "status"): ((jobs.c.model_name, ()), _STATUS),
    ("dataset_id", "status", "job_type"): ((jobs.c.dataset_id, ()), _STATUS, _TYPE),
    ("model_type", "status", "job_type"): ((jobs.c.model_type, ()), _STATUS, _TYPE),
    ("status", "job_type"): (_STATUS, _TYPE),
}
TOGETHER = tuple(_INDEXES)  # the filters that can be combined
_COLUMN_SETS: Mapping[str, list[Any]] = {
    "all": COLUMNS,
    "progress": [jobs.c[name] for name in ("id", "attempt", "progress", "progress_message", "eta_seconds")],
    "id": [jobs.c.id],
}


def list_jobs(
    connection: Connection, filters: Mapping[str, Any], *, before_id: int | None, limit: int, oldest: bool = False
) -> Sequence[Job]:
    """At most `limit` jobs, newest or oldest first; filters: exact values, the names of one of TOGETHER.

    before_id: where the page before ended.
    """
    values = page_values(filters.items(), before_id=before_id, limit=limit, oldest=oldest)
    return [job_of(row) for row in connection.execute(_list(frozenset(filters), oldest), values).mappings()]


def search_jobs(
    connection: Connection, beginning: str, *, status: str | None, after: str | None, limit: int
) -> Sequence[Job]:
    """At most `limit` jobs whose model's name begins so, in the order of `name_search`; after: where the page before
    ended."""
    wanted = None if status is None else JobStatus(status)
    values = search_values(beginning, after=after, limit=limit)
    return [job_of(row) for row in connection.execute(_search(wanted), values).mappings()]


def running_progress(connection: Connection, *, limit: int) -> Sequence[RunningJob]:
    """How far the newest `limit` RUNNING jobs are; the jobs of studies are not among them, the studies are."""
    values = page_values([("status", JobStatus.RUNNING)], before_id=None, limit=limit)
    statement = _list(frozenset({"status"}), False, columns="progress")
    return [RunningJob(**row) for row in connection.execute(statement, values).mappings()]


def list_ids(connection: Connection, filters: Mapping[str, Any], *, limit: int) -> list[int]:
    """The ids of at most `limit` jobs, oldest first; filters: see `list_jobs`."""
    values = page_values(filters.items(), before_id=None, limit=limit, oldest=True)
    return list(connection.execute(_list(frozenset(filters), True, columns="id"), values).scalars())


@cache
def _search(status: JobStatus | None) -> Select[Any]:
    index = jobs.c.model_name.is_not(None), jobs.c.parent_id.is_(None)
    if status is None:
        return page_by_name(jobs, COLUMNS, jobs.c.model_name, _STATUS, *index)
    # As in `_list`. Some of the rows that wait are studies, shown as RUNNING; there are 10,000 such rows at most.
    studies = (WAITING_STUDY, jobs.c.model_name.is_not(None)) if status is JobStatus.RUNNING else ()
    return page_by_name(
        jobs, COLUMNS, jobs.c.model_name, (jobs.c.status, (status,)), *index, ~WAITING_STUDY, also=studies
    )


@cache
def _list(filters: frozenset[str], oldest: bool, *, columns: str = "all") -> Select[Any]:
    shown = _COLUMN_SETS[columns]
    # Of a partial index a database must read its condition.
    if "parent_id" in filters:
        return page_of(jobs, shown, filters, _INDEXES[("parent_id",)], jobs.c.parent_id.is_not(None), oldest=oldest)
    top = jobs.c.parent_id.is_(None)
    if not filters:
        return page_of(jobs, shown, (), (), top, oldest=oldest)
    index = next(index for names, index in _INDEXES.items() if filters <= {*names} and names[0] in {*filters, "status"})
    named = [jobs.c.model_name.is_not(None)] if "model_name" in filters else []
    if "status" not in filters:
        return page_of(jobs, shown, filters, index, top, *named, oldest=oldest)
    # A study whose trials run is shown as RUNNING: it is among those, and not among the PENDING ones.
    given = [bindparam(f"filter_{name}", type_=jobs.c[name].type) for name in sorted(filters)]
    others = [jobs.c[one.key.removeprefix("filter_")] == one for one in given if one.key != "filter_status"]
    studies = [WAITING_STUDY, bindparam("filter_status", type_=Text) == JobStatus.RUNNING, *others]
    return page_of(jobs, shown, filters, index, top, ~WAITING_STUDY, *named, oldest=oldest, also=studies)
