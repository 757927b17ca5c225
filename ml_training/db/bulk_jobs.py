"""The statements of requests that concern many jobs; none of them reads the specs of all of them at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, case, cast, func, select, update

from ml_training.db.clock import db_now
from ml_training.db.job_lists import list_ids
from ml_training.db.job_rows import SHOWN_STATUS
from ml_training.db.project_scope import own
from ml_training.db.tables import jobs
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

LIVE = (JobStatus.PENDING, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a request that concerns many jobs must know of each; spec_bytes: the length of its spec as JSON."""

    id: int
    status: JobStatus
    job_type: JobType
    dataset_id: int | None
    attempt: int
    created_by: str | None
    parent_id: int | None
    spec_bytes: int


_FACTS = [SHOWN_STATUS, *(jobs.c[name] for name in ("id", "job_type", "dataset_id", "attempt", "created_by"))]
_FACTS += [jobs.c.parent_id, func.length(cast(jobs.c.spec, Text)).label("spec_bytes")]


def read_facts(connection: Connection, job_ids: Collection[int]) -> dict[int, JobFacts]:
    """Those of the jobs that there are in the project, by id."""
    found = connection.execute(select(*_FACTS).where(own(jobs), jobs.c.id.in_(job_ids))).mappings()
    return {row["id"]: _facts(row) for row in found}


def find_jobs(
    connection: Connection, filters: Mapping[str, Any], *, statuses: Sequence[JobStatus], limit: int
) -> list[int]:
    """The ids of the oldest `limit` jobs that pass the filters and have one of the statuses, by id."""
    if "parent_id" in filters:
        facts = read_facts(connection, list_ids(connection, filters, limit=limit))
        return sorted(fact.id for fact in facts.values() if fact.status in statuses)
    wanted = [filters["status"]] if "status" in filters else statuses
    found = [number for status in wanted for number in list_ids(connection, {**filters, "status": status}, limit=limit)]
    return sorted(found)[:limit]


def request_cancels(connection: Connection, job_ids: Collection[int]) -> None:
    """Ask for the cancel of these jobs of the project, as `jobs.request_cancel` does for one."""
    mine = own(jobs), jobs.c.id.in_(job_ids), jobs.c.status.in_(LIVE)
    # Locked in one order for all processes: else two such requests could wait for each other.
    connection.execute(select(jobs.c.id).where(*mine).order_by(jobs.c.id).with_for_update()).all()
    waits = jobs.c.status == JobStatus.PENDING
    asked = (
        update(jobs)
        .where(*mine)
        .values(
            cancel_requested=True,
            status=case((waits, JobStatus.CANCELLED), else_=jobs.c.status),
            finished_at=case((waits, db_now()), else_=jobs.c.finished_at),
            progress_message=case((waits, "cancelled"), else_=jobs.c.progress_message),
        )
    )
    connection.execute(asked)


def _facts(row: RowMapping) -> JobFacts:
    return JobFacts(**{**row, "status": JobStatus(row["status"]), "job_type": JobType(row["job_type"])})
