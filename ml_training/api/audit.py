"""The audit: who changed what, and who tried what their key does not allow; for admins."""

from flask import Response
from pydantic import Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented
from ml_training.api.request_parameters import PageParameters
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.domain.audit import AuditAction, AuditOutcome
from ml_training.domain.caller import Role
from ml_training.services import queries

audit = blueprint("audit", "Who changed what")


class AuditEntry(ResponseSchema):
    """One thing that somebody did or was not allowed to do."""

    id: int
    at: Time
    action: AuditAction
    subject_ids: list[int | str] = Field(description="of what was made or changed; of a refused request its route")
    outcome: AuditOutcome
    key_id: str | None = Field(description="null: the service was open, or did it itself")
    role: Role
    project_id: int
    address: str = Field(description="as the API saw it: behind a proxy, that of the proxy")
    request_id: str


class AuditPage(ResponseSchema):
    """Entries, newest first."""

    items: list[AuditEntry]
    next_cursor: Cursor


@audit.get("", responses={200: AuditPage})
@documented(Role.ADMIN, query=PageParameters)
def list_all(query: PageParameters) -> Response:
    """Entries of the audit, newest first."""
    return json_response(AuditPage.from_record(queries.list_audit(resources(), **query.model_dump())))
