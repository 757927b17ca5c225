"""Jobs: submit one or many, list, show or wait, follow, read the log, cancel."""

from flask import Response, request
from pydantic import ValidationError

from ml_training.api import render, requests, schemas
from ml_training.api.context import PREFIX, context, resources
from ml_training.api.documented import blueprint, documented, problems
from ml_training.api.queries import EventsQuery, IdempotencyHeader, JobsQuery, LastEventHeader, PageQuery, WaitQuery
from ml_training.api.respond import field_errors_json, reply
from ml_training.api.stream import MIMETYPE, stream_job
from ml_training.api.waiting import wait_or_not
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.records import Job
from ml_training.domain.rejection_reasons import RejectionReason
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.submit import BatchItem, submit_batch, submit_job

IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
STREAM = {"content": {MIMETYPE: {"schema": {"type": "string"}}}}
jobs = blueprint("jobs", "Train, test and compare models")


@jobs.post("", responses={202: schemas.Job, **problems(400, 409, 413, 415, 429)})
@documented(body=requests.JobRequest, header=IdempotencyHeader)
def submit(body: object) -> Response:
    """Submit one job. A job that is accepted can run: it has been checked against the data."""
    job = submit_job(resources(), body, idempotency_key=request.headers.get(IDEMPOTENCY_KEY))
    return reply(render.job(job), 202, headers={"Location": f"{PREFIX}/jobs/{job.id}"})


@jobs.post("/batch", responses={207: schemas.BatchAnswers, **problems(400, 409, 413, 415, 429)})
@documented(body=requests.BatchRequest, header=IdempotencyHeader)
def submit_many(body: object) -> Response:
    """Submit many jobs: the valid ones are stored in one transaction, each other one is answered with its errors."""
    items = submit_batch(resources(), _specs(body), idempotency_key=request.headers.get(IDEMPOTENCY_KEY))
    context().counters.count_rejected(RejectionReason.INVALID, sum(item.job is None for item in items))
    return reply({"items": [_answer(number, item) for number, item in enumerate(items)]}, 207)


@jobs.get("", responses={200: schemas.JobPage})
@documented(query=JobsQuery)
def list_all(query: JobsQuery) -> Response:
    """Jobs, newest first."""
    found = queries.list_jobs(resources(), **query.model_dump())
    return reply(render.page(found, render.job))


@jobs.get("/<id:job_id>", responses={200: schemas.Job, **problems(404)})
@documented(path="job_id", query=WaitQuery)
def show(job_id: int, query: WaitQuery) -> Response:
    """A job as it is now; with ?wait=, when it has ended."""
    return wait_or_not(
        query.wait,
        lambda seconds: queries.wait_for_job(resources(), job_id, seconds=seconds),
        has_ended=lambda job: job.status.is_terminal,
        render=_show,
    )


@jobs.get("/<id:job_id>/events", responses={200: STREAM, **problems(404)})
@documented(path="job_id", query=EventsQuery, header=LastEventHeader)
def follow(job_id: int, query: EventsQuery) -> Response:
    """Server-sent events: progress, scores, log lines, and the end as the last one."""
    last = _last_event_id()
    queries.get_job(resources(), job_id)
    return stream_job(job_id, after=query.after if last is None else last)


@jobs.get("/<id:job_id>/logs", responses={200: schemas.LogPage, **problems(404)})
@documented(path="job_id", query=PageQuery)
def log_lines(job_id: int, query: PageQuery) -> Response:
    """The job's log, oldest first."""
    found = queries.list_log(resources(), job_id, cursor=query.cursor, limit=query.limit)
    return reply(render.page(found, render.log_line))


@jobs.post("/<id:job_id>/cancel", responses={202: schemas.Job, **problems(404, 409)})
@documented(path="job_id")
def cancel(job_id: int) -> Response:
    """Cancel a job: a PENDING one at once, a RUNNING one within seconds; also when it was asked for before."""
    return reply(render.job(request_cancel(resources(), job_id)), 202)


def _last_event_id() -> int | None:
    value = request.headers.get(LAST_EVENT_ID)
    given = {} if value is None else {LAST_EVENT_ID: value}
    try:
        return LastEventHeader.model_validate(given).last_event_id
    except ValidationError as error:
        raise Invalid("wrong header", errors=field_errors(error, given)) from None


def _specs(body: object) -> list[object]:
    # The specs themselves are judged one by one; here only what holds them.
    if not isinstance(body, dict):
        raise Invalid("the batch is wrong", errors=(FieldError("", 'must be an object: {"jobs": [...]}'),))
    errors = [FieldError(f"/{name}", "unknown field") for name in body if name != "jobs"]
    if not isinstance(body.get("jobs"), list):
        errors.append(FieldError("/jobs", "must be a list of job specs"))
    if errors:
        raise Invalid("the batch is wrong", errors=tuple(errors))
    specs: list[object] = body["jobs"]
    return specs


def _answer(number: int, item: BatchItem) -> dict[str, object]:
    return {
        "index": number,
        "status": 422 if item.job is None else 202,
        "job": item.job and render.job(item.job),
        "errors": field_errors_json(item.errors),
    }


def _show(job: Job) -> Response:
    return reply(render.job(job))
