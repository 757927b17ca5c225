"""What an admin says about a project: its name, and what it may use."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.spec_fields import Name

MOST = 2**53 - 1  # every JSON reader reads it exactly
Limit = Annotated[int, Field(ge=0, le=MOST)] | None


class QuotaChanges(BaseModel):
    """Sets the quotas that are given, and leaves the rest; null takes a quota away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pending_jobs: Limit = Field(None, description="jobs that wait at once")
    running_jobs: Limit = Field(None, description="jobs that run at once; the others wait")
    stored_bytes: Limit = Field(None, description="of data sets, models and predictions")
    submissions_per_minute: Limit = Field(None, description="jobs in any 60 seconds, uploads too")

    def given(self) -> dict[str, int | None]:
        """The quotas to set."""
        found: dict[str, int | None] = self.model_dump(exclude_unset=True)
        return found


class NewProject(BaseModel):
    """A project to make; a quota that is not given is as large as the service allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    quotas: QuotaChanges = QuotaChanges()


class ProjectChanges(BaseModel):
    """Sets the quotas that are given, and leaves the rest; null takes a quota away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quotas: QuotaChanges


def parse_new_project(body: object) -> NewProject:
    """The project; raises Invalid with every reason."""
    try:
        return NewProject.model_validate(body, strict=True)
    except ValidationError as error:
        raise Invalid("the project is wrong", errors=field_errors(error, body)) from None


def parse_project_changes(body: object) -> ProjectChanges:
    """The changes; raises Invalid with every reason."""
    try:
        changes = ProjectChanges.model_validate(body, strict=True)
    except ValidationError as error:
        raise Invalid("the changes are wrong", errors=field_errors(error, body)) from None
    if not changes.quotas.model_fields_set:
        nothing = FieldError("/quotas", f"changes nothing: give {', '.join(QuotaChanges.model_fields)}")
        raise Invalid("the changes are wrong", errors=(nothing,))
    return changes
