"""Rows of the table of jobs as records: the columns that a record has, and the values of a new row."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, and_, case, literal_column

from ml_training.db.project_scope import current_project
from ml_training.db.tables import jobs
from ml_training.domain.records import Job, JobError
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

_ERROR = ("error_code", "error_message", "error_hint")
NOT_READ = {"lease_until", "rows_used", "model_name", "object_missed_by", "open_children"}
NOT_READ |= {"estimated_seconds", "estimated_wait"}
# What users see: a study whose trials run is RUNNING, though its own row is PENDING and holds no slot.
WAITING_STUDY = and_(jobs.c.status == literal_column("'PENDING'"), jobs.c.open_children.is_not(None))
SHOWN_STATUS = case((WAITING_STUDY, literal_column("'RUNNING'")), else_=jobs.c.status).label("status")
COLUMNS = [SHOWN_STATUS if column.name == "status" else column for column in jobs.c if column.name not in NOT_READ]
NEW: Mapping[str, Any] = {
    "status": JobStatus.PENDING.value,
    "attempt": 0,
    "cancel_requested": False,
    "runtime_seconds": 0.0,
    "progress": 0.0,
    "progress_message": "",
}


def job_of(row: RowMapping) -> Job:
    """The record of a row with COLUMNS."""
    values: dict[str, Any] = dict(row)
    values["job_type"], values["status"] = JobType(values["job_type"]), JobStatus(values["status"])
    code, message, hint = (values.pop(name) for name in _ERROR)
    error = None if code is None else JobError(code, message or "", hint or "")
    values["warnings"] = tuple(values["warnings"])
    if not isinstance(values["spec"], dict):  # only a hand in the database writes such a row: the worker refuses it
        values["spec"] = {}
    return Job(**values, error=error)


def new_job(row: Mapping[str, Any], job_id: int, now: float) -> Job:
    """The record of a row that was just inserted at `now`, without reading it again."""
    return Job(
        **{
            **NEW,
            **{name: value for name, value in row.items() if name not in NOT_READ},
            "status": JobStatus.PENDING,
            "job_type": JobType(row["job_type"]),
            "warnings": tuple(row.get("warnings", ())),
        },
        id=job_id,
        project_id=current_project(),
        created_at=now,
        run_after=now,
        eta_seconds=None,
        features_count=None,
        attempt_started_at=None,
        started_at=None,
        finished_at=None,
        worker=None,
        error=None,
        result_id=None,
    )
