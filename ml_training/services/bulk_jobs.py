"""Cancels and retries many jobs with one request; each job gets its own answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ml_training.db import bulk_jobs, jobs
from ml_training.db.bulk_jobs import LIVE, JobFacts
from ml_training.domain.audit import AuditAction
from ml_training.domain.bulk_requests import MOST_JOBS, BulkRequest, parse_bulk_request
from ml_training.domain.errors import FieldError, Forbidden, Invalid
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from ml_training.execution.transitions import AttemptFence, reject_dataset
from ml_training.services.audit import audited_change
from ml_training.services.ownership import require_owner
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_batch

RETRIED = (JobStatus.FAILED, JobStatus.CANCELLED)
MOST_COUNTED = 2 * MOST_JOBS  # of the jobs that pass a filter
MOST_SPEC_BYTES = 8_000_000  # of the jobs that one request retries: a PREDICT job may have a megabyte of rows


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """What became of one job. status: as the code of an answer; job_id: of the new job, or of the same one."""

    id: int
    status: int
    job_id: int | None = None
    job_status: JobStatus | None = None
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """An answer for each job; remaining: how many more the request asks for, counted up to MOST_JOBS."""

    items: Sequence[JobAnswer]
    remaining: int


def cancel_jobs(resources: Resources, body: object) -> BulkAnswer:
    """Ask each of the jobs to stop; one that cannot be is no error of the others. Raises Invalid, Unavailable."""
    ids = _wanted_ids(resources, parse_bulk_request(body, statuses=LIVE), statuses=LIVE)
    with audited_change(resources.database, resources.caller, AuditAction.JOB_CANCEL) as change:
        before = bulk_jobs.read_facts(change.connection, ids[:MOST_JOBS])
        allowed = [job_id for job_id, job in before.items() if _is_owned(resources, job)]
        bulk_jobs.request_cancels(change.connection, allowed)
        after = bulk_jobs.read_facts(change.connection, allowed)
        for job in after.values():
            if job.status is JobStatus.CANCELLED:
                fence = AttemptFence(job.id, job.attempt, job.job_type, job.dataset_id)
                reject_dataset(change.connection, fence, "the ingest was cancelled")
        answers = [_cancelled(job_id, before.get(job_id), after.get(job_id)) for job_id in ids[:MOST_JOBS]]
        change.subject_ids.extend(answer.id for answer in answers if answer.status == 202)
    return BulkAnswer(answers, len(ids) - len(answers))


def retry_jobs(resources: Resources, body: object, *, idempotency_key: str | None = None) -> BulkAnswer:
    """Submit the spec of each of the jobs again, in one transaction, as `submit_batch` does.

    Raises what it raises. The same key and jobs return the jobs that the first request stored.
    """
    wanted = parse_bulk_request(body, statuses=RETRIED)
    if idempotency_key is not None and wanted.filter is not None:
        detail = "name the jobs by ids: with an Idempotency-Key the next request must mean the same jobs"
        raise Invalid("the request is wrong", errors=(FieldError("/filter", detail),))
    ids = _wanted_ids(resources, wanted, statuses=RETRIED)
    limit = min(MOST_JOBS, resources.limits.batch_jobs)
    with resources.database.read() as connection:
        found = bulk_jobs.read_facts(connection, ids[:limit])
        sizes = accumulate(found[job_id].spec_bytes if job_id in found else 0 for job_id in ids[:limit])
        taken = ids[: max(1, sum(size <= MOST_SPEC_BYTES for size in sizes))]
        answers = {job_id: _refusal(job_id, found.get(job_id)) for job_id in taken}
        again = [job_id for job_id, refusal in answers.items() if refusal is None]
        old = jobs.get_jobs(connection, again)
    if again:
        items = submit_batch(resources, [old[job_id].spec for job_id in again], idempotency_key=idempotency_key)
        for job_id, item in zip(again, items, strict=True):
            answers[job_id] = (
                JobAnswer(job_id, 422, errors=item.errors)
                if item.job is None
                else JobAnswer(job_id, 202, item.job.id, item.job.status)
            )
    return BulkAnswer([answer for answer in answers.values() if answer is not None], len(ids) - len(taken))


def _wanted_ids(resources: Resources, wanted: BulkRequest, *, statuses: Sequence[JobStatus]) -> list[int]:
    if wanted.ids is not None:
        return wanted.ids
    filters = {} if wanted.filter is None else wanted.filter.given()
    with resources.database.read() as connection:
        return bulk_jobs.find_jobs(connection, filters, statuses=statuses, limit=MOST_COUNTED)


def _is_owned(resources: Resources, job: JobFacts) -> bool:
    try:
        require_owner(resources.caller, job.created_by, f"job {job.id}")
    except Forbidden:
        return False
    return True


def _cancelled(job_id: int, before: JobFacts | None, after: JobFacts | None) -> JobAnswer:
    if before is None:
        return _refused(job_id, 404, f"there is no job {job_id}")
    if after is None:
        return _refused(job_id, 403, f"another key made job {job_id}: this needs the role operator")
    if after.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        return _refused(job_id, 409, f"job {job_id} is {after.status.value} already")
    return JobAnswer(job_id, 202, job_id, after.status)


def _refusal(job_id: int, job: JobFacts | None) -> JobAnswer | None:
    if job is None:
        return _refused(job_id, 404, f"there is no job {job_id}")
    if job.status not in RETRIED:
        return _refused(job_id, 409, f"job {job_id} is {job.status.value}: only FAILED and CANCELLED ones are retried")
    if job.job_type is JobType.INGEST:
        return _refused(job_id, 409, f"job {job_id} took in a file: upload it again, or refresh its data set")
    if job.parent_id is not None:
        return _refused(job_id, 409, f"job {job_id} belongs to study job {job.parent_id}: retry that one")
    return None


def _refused(job_id: int, status: int, detail: str) -> JobAnswer:
    return JobAnswer(job_id, status, errors=(FieldError("", detail),))
