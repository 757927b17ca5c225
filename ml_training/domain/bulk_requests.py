"""What one request does with many jobs: those that it names, or those that pass a filter."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.spec_fields import Id
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

MOST_JOBS = 1_000
JobIds = Annotated[list[Id], Field(min_length=1, max_length=MOST_JOBS, description="ids of jobs, each once")]


class JobFilter(BaseModel):
    """Exact values, as the filters of GET /jobs; `parent_id` goes with no other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: JobStatus | None = None
    job_type: JobType | None = None
    model_type: StrictStr | None = None
    parent_id: Id | None = Field(None, description="the jobs of this TUNE job, which no other filter finds")

    def given(self) -> Mapping[str, Any]:
        """The filters that are set, by the names of columns."""
        return {name: value for name, value in self if value is not None}


class BulkRequest(BaseModel):
    """Which jobs: `ids`, or a `filter`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: JobIds | None = None
    filter: JobFilter | None = None


def parse_bulk_request(body: object, *, statuses: Collection[JobStatus]) -> BulkRequest:
    """The request; raises Invalid with every reason. statuses: those that a filter may name."""
    try:
        wanted = BulkRequest.model_validate(body)
    except ValidationError as error:
        raise Invalid("the request is wrong", errors=field_errors(error, body)) from None
    errors = [*_errors_of_ids(wanted), *_errors_of_filter(wanted.filter, statuses)]
    if (wanted.ids is None) == (wanted.filter is None):
        errors.append(FieldError("", "give ids or filter, one of them"))
    if errors:
        raise Invalid("the request is wrong", errors=tuple(errors))
    return wanted


def _errors_of_ids(wanted: BulkRequest) -> list[FieldError]:
    seen: set[int] = set()
    errors = []
    for number, job_id in enumerate(wanted.ids or ()):
        if job_id in seen:
            errors.append(FieldError(f"/ids/{number}", f"job {job_id} is named before: name it once"))
        seen.add(job_id)
    return errors


def _errors_of_filter(wanted: JobFilter | None, statuses: Collection[JobStatus]) -> list[FieldError]:
    if wanted is None:
        return []
    given = wanted.given()
    if not given:
        return [FieldError("/filter", f"would take every job: give one of {', '.join(JobFilter.model_fields)}")]
    errors = []
    if wanted.status is not None and wanted.status not in statuses:
        names = " or ".join(status.value for status in JobStatus if status in statuses)
        errors.append(FieldError("/filter/status", f"must be {names}"))
    if wanted.parent_id is not None:
        errors += [
            FieldError(f"/filter/{name}", "leave it out: parent_id goes with no other filter")
            for name in given
            if name != "parent_id"
        ]
    return errors
