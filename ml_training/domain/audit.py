"""What the audit keeps: who did what to what, from where, when, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum

from ml_training.domain.caller import Caller


class AuditAction(StrEnum):
    """What was done."""

    JOB_SUBMIT = "job.submit"
    JOB_CANCEL = "job.cancel"
    UPLOAD_CREATE = "upload.create"
    UPLOAD_DELETE = "upload.delete"
    DATASET_CREATE = "dataset.create"
    DATASET_REFRESH = "dataset.refresh"
    DATASET_DELETE = "dataset.delete"
    MODEL_CHANGE = "model.change"
    MODEL_DELETE = "model.delete"
    PREDICTION_DELETE = "prediction.delete"
    DRIFT_REPORT_DELETE = "drift_report.delete"
    EXPLANATION_DELETE = "explanation.delete"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    SIGN_IN = "sign_in"  # of a person, with the id of the session
    SIGN_OUT = "sign_out"
    PROJECT_CREATE = "project.create"
    PROJECT_CHANGE = "project.change"
    WORKER_DRAIN = "worker.drain"
    REQUEST = "request"  # one that was refused before it became one of the above


class AuditOutcome(StrEnum):
    """How it ended."""

    DONE = "done"
    FORBIDDEN = "forbidden"  # the key's role does not allow it


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry before it is stored. subject_ids: ids of rows, public ids of keys, or the route of a refused request."""

    action: AuditAction
    caller: Caller
    subject_ids: tuple[int | str, ...]
    outcome: AuditOutcome = AuditOutcome.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One row of `audit`; `at` in Unix seconds of the database's clock."""

    id: int
    at: float
    action: str
    subject_ids: tuple[int | str, ...]
    outcome: str
    key_id: str | None
    role: str
    project_id: int
    address: str
    request_id: str
