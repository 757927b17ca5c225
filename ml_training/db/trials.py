"""Every statement about the trials of a study: made with their jobs, scored by them, read by the study's steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update
from sqlalchemy.types import Integer

from ml_training.db.project_scope import own
from ml_training.db.study_tables import trials
from ml_training.db.tables import jobs
from ml_training.domain.study_steps import Trial

_NAMES = ("number", "job_id", "parameters", "status", "score", "seconds", "error_message", "continues")
_SHOWN = [trials.c[name] for name in _NAMES]
_OF_STUDY = own(trials), trials.c.study_job_id == bindparam("study_job", type_=Integer)
_AFTER = trials.c.number > bindparam("after_number", type_=Integer)
_IN_ORDER = trials.c.study_job_id, trials.c.number  # of the index: it is the one to read
_PAGE = select(*_SHOWN).where(*_OF_STUDY, _AFTER).order_by(*_IN_ORDER).limit(bindparam("page_size", type_=Integer))


def insert_trials(
    connection: Connection,
    study_job_id: int,
    made: Mapping[int, tuple[int, Mapping[str, Any]]],
    continues: Mapping[int, int],
) -> None:
    """Store trials by number: the id of the job and what it tries; continues: the numbers of those that continue."""
    common = {"study_job_id": study_job_id}
    rows = [
        {**common, "number": number, "job_id": job_id, "parameters": dict(values), "continues": continues.get(number)}
        for number, (job_id, values) in made.items()
    ]
    connection.execute(insert(trials), rows)


def list_trials(connection: Connection, study_job_id: int, *, after: int, limit: int) -> Sequence[Trial]:
    """The trials of a study with numbers above `after`, in their order."""
    values = {"study_job": study_job_id, "after_number": after, "page_size": limit}
    return [_trial(row) for row in connection.execute(_PAGE, values).mappings()]


def record_score(
    connection: Connection,
    *,
    job_id: int,
    attempt: int,
    score: float | None,
    scores: Mapping[str, Any],
    reuse_key: str | None = None,
) -> int:
    """Store what a trial has reached, in the transaction that completes its job; returns the id of its row."""
    scored = update(trials).where(own(trials), trials.c.job_id == job_id)
    values = {"attempt": attempt, "score": score, "scores": dict(scores), "reuse_key": reuse_key}
    return int(connection.execute(scored.values(**values).returning(trials.c.id)).scalar_one())


def newest_child(connection: Connection, study_job_id: int) -> int | None:
    """The id of the newest job of a study; None when it has none."""
    newest = select(jobs.c.id).where(own(jobs), jobs.c.parent_id == study_job_id)
    newest = newest.order_by(jobs.c.project_id.desc(), jobs.c.parent_id.desc(), jobs.c.id.desc()).limit(1)
    return connection.execute(newest).scalar()


def _trial(row: RowMapping) -> Trial:
    return Trial(
        number=row["number"],
        job_id=row["job_id"],
        values=row["parameters"],
        status=row["status"],
        score=row["score"],
        seconds=row["seconds"],
        error=row["error_message"],
        continues=row["continues"],
    )
