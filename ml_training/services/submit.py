"""Submits jobs: each is validated, checked against the data, stored and committed; only then a permit is sent."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ml_training.db import idempotency, jobs
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.domain.near_misses import MOST_SEARCHES
from ml_training.domain.records import Job
from ml_training.domain.specs import JobSpec, fingerprint, parse_spec, spec_json
from ml_training.services.audit import log_entry
from ml_training.services.check_job import check_job
from ml_training.services.feasibility import check_key, forget_deleted, require_indexes
from ml_training.services.model_references import with_model_id
from ml_training.services.resources import Resources
from ml_training.services.store_jobs import (
    Answer,
    BatchItem,
    CheckedSpec,
    CheckOutdated,
    Item,
    KeyTaken,
    Submission,
    field_errors,
    store,
    submission_entries,
)

Errors = tuple[FieldError, ...]
MOST_ERRORS = 1_000  # of a batch
CHECKS = 5  # of one submission: a name that means another model after each of them keeps changing
JOB_REMOVED = "the job that this key stands for has been removed by retention"


def submit_job(resources: Resources, body: object, *, idempotency_key: str | None = None) -> Job:
    """Store one job and send its permit.

    Raises Invalid (wrong spec, or one that does not fit the data), Conflict (data set not READY, key used for another
    spec), TooMany (queue full), Unavailable. The same key and spec return the job that the first request stored.
    """
    _check_key(resources, idempotency_key)
    spec, errors = parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds)
    if spec is None:
        raise Invalid("the job spec is wrong", errors=errors)
    digest = "" if idempotency_key is None else fingerprint(spec_json(spec))
    if idempotency_key is not None and (answer := _find_answer(resources, idempotency_key, digest)) is not None:
        return _existing_job(answer)
    stored = _store_when_checked(resources, spec, idempotency_key, digest)
    resources.permits.publish()
    return _existing_job(stored)


def submit_batch(
    resources: Resources, bodies: Sequence[object], *, idempotency_key: str | None = None
) -> list[BatchItem]:
    """Store the valid specs in one transaction; each other spec is answered with its errors."""
    _check_key(resources, idempotency_key)
    if not 1 <= len(bodies) <= resources.limits.batch_jobs:
        raise Invalid(f"a batch holds 1 to {resources.limits.batch_jobs} jobs, this one {len(bodies)}")
    parsed = _parse_all(bodies, max_runtime_seconds=resources.limits.runtime_seconds)
    digest = ""
    if idempotency_key is not None:
        digest = fingerprint([_fingerprint_input(spec, errors) for spec, errors in parsed])
        if (answer := _find_answer(resources, idempotency_key, digest)) is not None:
            return answer
    named = [errors if spec is None else _named_item(resources, spec) for spec, errors in parsed]
    forget_deleted(resources, [spec for spec in named if not isinstance(spec, tuple)])
    items = [spec if isinstance(spec, tuple) else _check_item(resources, spec) for spec in named]
    require_indexes(resources, (item.feasibility for item in items if isinstance(item, CheckedSpec)))
    submission = Submission(items, idempotency_key, digest, is_batch=True, caller=resources.caller)
    # Not in a group: the other requests would wait for its many jobs.
    stored = _or_kept(resources, submission, lambda: _store_alone(resources, submission))
    resources.permits.publish(sum(item.job is not None for item in stored))
    return stored


def _parse_all(bodies: Sequence[object], *, max_runtime_seconds: int) -> list[tuple[JobSpec | None, Errors]]:
    """Each spec, or its errors: as many in all as of one spec, but at least one of each wrong spec."""
    parsed: list[tuple[JobSpec | None, Errors]] = []
    left, searches = MOST_ERRORS, MOST_SEARCHES
    for body in bodies:
        spec, errors = parse_spec(body, max_runtime_seconds=max_runtime_seconds, searches=searches)
        parsed.append((spec, errors[: max(1, left)]))
        left, searches = left - len(errors), max(0, searches - len(errors))
    return parsed


def _named_item(resources: Resources, spec: JobSpec) -> JobSpec | tuple[FieldError, ...]:
    try:
        return with_model_id(resources, spec)
    except Invalid as error:
        return field_errors(error)


def _check_item(resources: Resources, spec: JobSpec) -> Item:
    try:
        return CheckedSpec(spec, check_job(resources, spec))
    except (Invalid, Conflict) as error:
        return field_errors(error)


def _store_when_checked(resources: Resources, spec: JobSpec, key: str | None, digest: str) -> Answer:
    for _ in range(CHECKS):
        named = with_model_id(resources, spec)
        try:
            return _check_and_store(resources, named, key, digest)
        except CheckOutdated:
            resources.check_cache.forget([check_key(named, project_id=resources.project_id)])
    raise Conflict("what the job names keeps changing: submit it again")


def _check_and_store(resources: Resources, spec: JobSpec, key: str | None, digest: str) -> Answer:
    given = resources.given_estimates.take(spec, project_id=resources.project_id)
    checked = CheckedSpec(spec, check_job(resources, spec), given)
    require_indexes(resources, [checked.feasibility])
    submission = Submission([checked], key, digest, is_batch=False, caller=resources.caller)
    store_group = partial(_store_group, resources)
    return _or_kept(
        resources, submission, lambda: resources.group_commit.run(resources.database.write, store_group, submission)
    )


def _store_group(
    resources: Resources, connection: Connection, submissions: Sequence[Submission]
) -> list[Answer | Exception]:
    return store(connection, resources, submissions)


def _store_alone(resources: Resources, submission: Submission) -> Answer:
    with resources.database.write() as connection:
        [answer] = store(connection, resources, [submission])
        if isinstance(answer, Exception):
            raise answer
    return answer


def _or_kept(resources: Resources, submission: Submission, store_it: Any) -> Answer:
    """The answer of `store_it`, or the one that another request has just stored under the same key."""
    try:
        stored: Answer = store_it()
    except KeyTaken:
        kept = _find_answer(resources, str(submission.key), submission.digest)
        if kept is None:
            raise Conflict(f"Idempotency-Key {submission.key!r} is in use: try again") from None
        return kept
    for entry in submission_entries(submission.caller, stored):
        log_entry(entry)
    return stored


def _check_key(resources: Resources, key: str | None) -> None:
    if key is None:
        return
    longest = resources.limits.idempotency_key_characters
    if not (1 <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise Invalid(f"Idempotency-Key must be 1 to {longest} printable ASCII characters")


def _find_answer(resources: Resources, key: str, digest: str) -> Answer | None:
    with resources.database.read() as connection:
        answer = idempotency.find_answer(connection, key)
        if answer is None:
            return None
        if answer.fingerprint != digest:
            raise Conflict(f"Idempotency-Key {key!r} was used for another request: choose a new key")
        found = jobs.get_jobs(connection, [item["job_id"] for item in answer.outcome if "job_id" in item])
        return [_kept_item(item, found) for item in answer.outcome]


def _kept_item(item: dict[str, Any], found: dict[int, Job]) -> BatchItem:
    if "job_id" not in item:
        return BatchItem(None, tuple(FieldError(**error) for error in item["errors"]))
    job = found.get(item["job_id"])
    return BatchItem(job, () if job else (FieldError("", JOB_REMOVED),))


def _fingerprint_input(spec: JobSpec | None, errors: tuple[FieldError, ...]) -> object:
    return spec_json(spec) if spec is not None else [[error.pointer, error.detail] for error in errors]


def _existing_job(answer: Sequence[BatchItem]) -> Job:
    job = answer[0].job
    if job is None:
        raise NotFound(JOB_REMOVED)
    return job
