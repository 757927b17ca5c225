"""Jobs: submit one or many, list, show or wait, follow, read the log, cancel."""

from flask import Response, request
from pydantic import ValidationError

from ml_training.api import request_schemas, response_schemas
from ml_training.api.context import PREFIX, context, resources
from ml_training.api.dry_run_schemas import DryRun
from ml_training.api.event_stream import EVENT_SCHEMA, MIMETYPE, stream_job
from ml_training.api.long_poll import long_poll
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import (
    EventsParameters,
    IdempotencyKeyHeader,
    JobListParameters,
    LastEventIdHeader,
    PageParameters,
    SubmitParameters,
    WaitParameters,
)
from ml_training.api.responses import json_response, pointed_errors
from ml_training.domain.caller import Role
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.records import Job
from ml_training.domain.rejection_reasons import RejectionReason
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.dry_run import dry_run
from ml_training.services.store_jobs import BatchItem
from ml_training.services.submit import submit_batch, submit_job
from ml_training.services.waiting import with_reason

IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
STREAM = {"content": {MIMETYPE: {"schema": EVENT_SCHEMA}}}
jobs = blueprint("jobs", "Train, test and compare models")


@jobs.post("", responses={200: DryRun, 202: response_schemas.Job, **problems(400, 409, 413, 415, 429)})
@documented(Role.SUBMITTER, query=SubmitParameters, body=request_schemas.JobRequest, header=IdempotencyKeyHeader)
def submit(query: SubmitParameters, body: object) -> Response:
    """Submit one job. A job that is accepted can run: it has been checked against the data.

    With ?dry_run=true it is only checked: 200 with warnings and estimates, and nothing is stored.
    """
    if query.dry_run:
        return json_response(DryRun.from_record(dry_run(resources(), body)))
    job = submit_job(resources(), body, idempotency_key=request.headers.get(IDEMPOTENCY_KEY))
    return json_response(response_schemas.Job.from_record(job), 202, headers={"Location": f"{PREFIX}/jobs/{job.id}"})


@jobs.post("/batch", responses={207: response_schemas.BatchAnswers, **problems(400, 409, 413, 415, 429)})
@documented(Role.SUBMITTER, body=request_schemas.BatchRequest, header=IdempotencyKeyHeader)
def submit_many(body: object) -> Response:
    """Submit many jobs: the valid ones are stored in one transaction, each other one is answered with its errors."""
    items = submit_batch(resources(), _specs(body), idempotency_key=request.headers.get(IDEMPOTENCY_KEY))
    context().counters.count_rejected(RejectionReason.INVALID, sum(item.job is None for item in items))
    return json_response(
        response_schemas.BatchAnswers(items=[_answer(number, item) for number, item in enumerate(items)]), 207
    )


@jobs.get("", responses={200: response_schemas.JobPage})
@documented(Role.VIEWER, query=JobListParameters)
def list_all(query: JobListParameters) -> Response:
    """Jobs, newest first."""
    found = queries.list_jobs(resources(), **query.model_dump())
    page = response_schemas.JobPage.from_record(found)
    for job in page.items:
        if job.spec.get("rows"):  # up to a megabyte for each job
            job.spec = {**job.spec, "rows": []}
    return json_response(page)


@jobs.get("/<id:job_id>", responses={200: response_schemas.Job, **problems(404)})
@documented(Role.VIEWER, path="job_id", query=WaitParameters)
def show(job_id: int, query: WaitParameters) -> Response:
    """A job as it is now; with ?wait=, when it has ended."""
    return long_poll(
        query.wait,
        lambda seconds: queries.wait_for_job(resources(), job_id, seconds=seconds),
        has_ended=lambda job: job.status.is_terminal,
        respond=_show,
    )


@jobs.get("/<id:job_id>/events", responses={200: STREAM, **problems(404)})
@documented(Role.VIEWER, path="job_id", query=EventsParameters, header=LastEventIdHeader)
def follow(job_id: int, query: EventsParameters) -> Response:
    """Server-sent events: progress, scores, log lines, and the end as the last one."""
    last = _last_event_id()
    queries.get_job(resources(), job_id)
    return stream_job(job_id, after=query.after if last is None else last)


@jobs.get("/<id:job_id>/logs", responses={200: response_schemas.LogPage, **problems(404)})
@documented(Role.VIEWER, path="job_id", query=PageParameters)
def log_lines(job_id: int, query: PageParameters) -> Response:
    """The job's log, oldest first."""
    found = queries.list_log(resources(), job_id, cursor=query.cursor, limit=query.limit)
    return json_response(response_schemas.LogPage.from_record(found))


@jobs.post("/<id:job_id>/cancel", responses={202: response_schemas.Job, **problems(404, 409)})
@documented(Role.SUBMITTER, path="job_id")
def cancel(job_id: int) -> Response:
    """Cancel a job: a PENDING one at once, a RUNNING one within seconds; also when it was asked for before."""
    return json_response(response_schemas.Job.from_record(request_cancel(resources(), job_id)), 202)


def _last_event_id() -> int | None:
    value = request.headers.get(LAST_EVENT_ID)
    given = {} if value is None else {LAST_EVENT_ID: value}
    try:
        return LastEventIdHeader.model_validate(given).last_event_id
    except ValidationError as error:
        raise Invalid("wrong header", errors=field_errors(error, given)) from None


def _specs(body: object) -> list[object]:
    # Only the list is checked here; the specs are checked one by one later.
    if not isinstance(body, dict):
        raise Invalid("the batch is wrong", errors=(FieldError("", 'must be an object: {"jobs": [...]}'),))
    errors = [FieldError(f"/{name}", "unknown field") for name in body if name != "jobs"]
    if not isinstance(body.get("jobs"), list):
        errors.append(FieldError("/jobs", "must be a list of job specs"))
    if errors:
        raise Invalid("the batch is wrong", errors=tuple(errors))
    specs: list[object] = body["jobs"]
    return specs


def _answer(number: int, item: BatchItem) -> response_schemas.BatchAnswer:
    return response_schemas.BatchAnswer(
        index=number,
        status=422 if item.job is None else 202,
        job=item.job and response_schemas.Job.from_record(item.job),
        errors=pointed_errors(item.errors),
    )


def _show(job: Job) -> Response:
    return json_response(response_schemas.Job.from_record(with_reason(resources(), job)))
