"""Pages of jobs under filters; each combination of filters is answered from a few ranges of one index."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select

from ml_training.db.job_rows import COLUMNS, job_of
from ml_training.db.newest import page_of, page_values
from ml_training.db.tables import jobs
from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

_STATUS, _TYPE = (jobs.c.status, tuple(JobStatus)), (jobs.c.job_type, tuple(JobType))
# What each index answers; the first filter of a set is the first column of its index.
_INDEXES = {
    ("model_name", "status"): ((jobs.c.model_name, ()), _STATUS),
    ("dataset_id", "status", "job_type"): ((jobs.c.dataset_id, ()), _STATUS, _TYPE),
    ("model_type", "status", "job_type"): ((jobs.c.model_type, ()), _STATUS, _TYPE),
    ("status", "job_type"): (_STATUS, _TYPE),
}
TOGETHER = tuple(_INDEXES)  # the filters that can be combined


def list_jobs(
    connection: Connection, filters: Mapping[str, Any], *, before_id: int | None, limit: int, oldest: bool = False
) -> Sequence[Job]:
    """At most `limit` jobs, newest or oldest first; filters: exact values, the names of one of TOGETHER.

    before_id: where the page before ended.
    """
    values = page_values(filters.items(), before_id=before_id, limit=limit, oldest=oldest)
    return [job_of(row) for row in connection.execute(_list(frozenset(filters), oldest), values).mappings()]


@cache
def _list(filters: frozenset[str], oldest: bool) -> Select[Any]:
    if not filters:
        return page_of(jobs, COLUMNS, (), (), oldest=oldest)
    index = next(index for names, index in _INDEXES.items() if filters <= {*names} and names[0] in {*filters, "status"})
    # Of a partial index a database must read its condition.
    named = [jobs.c.model_name.is_not(None)] if "model_name" in filters else []
    return page_of(jobs, COLUMNS, filters, index, *named, oldest=oldest)
