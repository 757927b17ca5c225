"""Cancel or retry many jobs with one request."""

from flask import Response, request
from pydantic import Field

from ml_training.api.context import resources
from ml_training.api.jobs import IDEMPOTENCY_KEY
from ml_training.api.jobs import jobs as jobs
from ml_training.api.openapi_routes import documented, problems
from ml_training.api.request_parameters import IdempotencyKeyHeader
from ml_training.api.response_schemas import PointedError, ResponseSchema
from ml_training.api.responses import json_response
from ml_training.domain.bulk_requests import BulkRequest
from ml_training.domain.caller import Role
from ml_training.domain.states import JobStatus
from ml_training.services import bulk_jobs as service


class JobAnswer(ResponseSchema):
    """What became of one job."""

    id: int = Field(description="of the job that was asked for")
    status: int = Field(description="202, 403, 404, 409 or 422")
    job_id: int | None = Field(description="the same job, or the new one that a retry made; null when nothing was done")
    job_status: JobStatus | None
    errors: list[PointedError] = Field(description="why nothing was done; of a retry, pointers into its spec")


class JobAnswers(ResponseSchema):
    """An answer for each job."""

    items: list[JobAnswer]
    remaining: int = Field(description="how many more were asked for: repeat the request; counted up to 1,000")


@jobs.post("/cancel", responses={207: JobAnswers, **problems(400, 413, 415)})
@documented(Role.SUBMITTER, body=BulkRequest)
def cancel_many(body: object) -> Response:
    """Cancel up to 1,000 jobs, named by their ids or found by a filter: PENDING and RUNNING ones."""
    return json_response(JobAnswers.from_record(service.cancel_jobs(resources(), body)), 207)


@jobs.post("/retry", responses={207: JobAnswers, **problems(400, 409, 413, 415, 429)})
@documented(Role.SUBMITTER, body=BulkRequest, header=IdempotencyKeyHeader)
def retry_many(body: object) -> Response:
    """Submit the specs of up to 1,000 FAILED or CANCELLED jobs again, as new jobs; the old ones stay as they are."""
    found = service.retry_jobs(resources(), body, idempotency_key=request.headers.get(IDEMPOTENCY_KEY))
    return json_response(JobAnswers.from_record(found), 207)
