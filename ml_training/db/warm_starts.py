"""Every statement about what a study takes from earlier ones: which there are, and which trials it has begun with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.types import Integer

from ml_training.db.project_scope import own
from ml_training.db.study_tables import studies, warm_starts
from ml_training.db.tables import jobs

MOST_STUDIES = 20


@dataclass(frozen=True, slots=True)
class EarlierStudy:
    """A study that has found a model; spec: of its TUNE job."""

    study_id: int
    job_id: int
    spec: Any


# In the order of the index, so that it is the one to read.
_EARLIER = (
    select(studies.c.id, studies.c.job_id, jobs.c.spec)
    .join_from(studies, jobs, jobs.c.id == studies.c.job_id)
    .where(own(studies), own(jobs), studies.c.warm_key == bindparam("wanted_key"))
    .order_by(studies.c.project_id.desc(), studies.c.warm_key.desc(), studies.c.id.desc())
    .limit(MOST_STUDIES)
)
_TAKEN = select(warm_starts.c.taken).where(warm_starts.c.study_job_id == bindparam("study_job", type_=Integer))


def earlier_studies(connection: Connection, warm_key: str) -> list[EarlierStudy]:
    """The newest studies with the key whose jobs are there, the newest first."""
    return [
        EarlierStudy(row.id, row.job_id, row.spec) for row in connection.execute(_EARLIER, {"wanted_key": warm_key})
    ]


def store_warm_start(connection: Connection, study_job_id: int, taken: Sequence[dict[str, Any]]) -> None:
    """Record the earlier trials that a study begins with, in the transaction that makes its first ones."""
    connection.execute(insert(warm_starts).values(study_job_id=study_job_id, taken=list(taken)))


def read_warm_start(connection: Connection, study_job_id: int) -> list[dict[str, Any]] | None:
    """The earlier trials that a study has begun with; None before its first trials."""
    found = connection.execute(_TAKEN, {"study_job": study_job_id}).scalar()
    return None if found is None else list(found)
