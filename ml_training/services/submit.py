"""Submits jobs: each is validated, checked against the data, stored and committed; only then a permit is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, idempotency, jobs, results
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.job_models import record_models
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.domain.records import Job
from ml_training.domain.specs import JobSpec, JobType, fingerprint, parse_spec, spec_json
from ml_training.services.feasibility import Feasibility, check_feasibility
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources

JOB_REMOVED = "the job that this key stands for has been removed by retention"
PERMITS_PER_BATCH = 16  # the relay sends the rest as slots become free


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The answer to one spec of a batch: the stored job, or the errors why there is none."""

    job: Job | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class _CheckedSpec:
    spec: JobSpec
    feasibility: Feasibility


_Item = _CheckedSpec | tuple[FieldError, ...]
_StoredAnswer = dict[str, Any]  # {"job_id": 7} or {"errors": [...]}: one item of the answer kept under a key


class _KeyTaken(Exception):
    """Another request stored its answer under the same key first."""


def submit_job(resources: Resources, body: object, *, idempotency_key: str | None = None) -> Job:
    """Store one job and send its permit.

    Raises Invalid (wrong spec, or one that does not fit the data), Conflict (data set not READY, key used for another
    spec), TooMany (queue full), Unavailable. The same key and spec return the job that the first request stored.
    """
    _check_key(resources, idempotency_key)
    spec, errors = parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds)
    if spec is None:
        raise Invalid("the job spec is wrong", errors=errors)
    digest = fingerprint(spec_json(spec))
    if idempotency_key is not None and (answer := _find_answer(resources, idempotency_key, digest)) is not None:
        return _existing_job(answer)
    checked = _CheckedSpec(spec, check_feasibility(resources, spec))
    stored = _store(resources, [checked], idempotency_key, digest, _store_one)
    resources.permits.publish()
    return _existing_job(stored)


def submit_batch(
    resources: Resources, bodies: Sequence[object], *, idempotency_key: str | None = None
) -> list[BatchItem]:
    """Store the valid specs in one transaction; each other spec is answered with its errors."""
    _check_key(resources, idempotency_key)
    if not 1 <= len(bodies) <= resources.limits.batch_jobs:
        raise Invalid(f"a batch holds 1 to {resources.limits.batch_jobs} jobs, this one {len(bodies)}")
    parsed = [parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds) for body in bodies]
    digest = fingerprint([_fingerprint_input(spec, errors) for spec, errors in parsed])
    answer = None if idempotency_key is None else _find_answer(resources, idempotency_key, digest)
    if answer is not None:
        return answer
    items = [errors if spec is None else _check_item(resources, spec) for spec, errors in parsed]
    stored = _store(resources, items, idempotency_key, digest, _store_or_refuse)
    resources.permits.publish(min(PERMITS_PER_BATCH, sum(item.job is not None for item in stored)))
    return stored


def _check_item(resources: Resources, spec: JobSpec) -> _Item:
    try:
        return _CheckedSpec(spec, check_feasibility(resources, spec))
    except (Invalid, Conflict) as error:
        return _field_errors(error)


def _field_errors(error: Invalid | Conflict) -> tuple[FieldError, ...]:
    if isinstance(error, Conflict):
        return (FieldError("/dataset_id", error.detail),)
    return error.errors or (FieldError("", error.detail),)


def _store(
    resources: Resources,
    items: Sequence[_Item],
    key: str | None,
    digest: str,
    store: Callable[[Connection, Any], _StoredAnswer],
) -> list[BatchItem]:
    try:
        with resources.database.write() as connection:
            check_queue_limit(connection, resources, sum(isinstance(item, _CheckedSpec) for item in items))
            answers = [store(connection, item) for item in items]
            _remember_answer(connection, key, KeptAnswer(digest, answers))
            # Read inside the transaction: an outage after the COMMIT would answer 503 for jobs that are stored.
            return [_batch_item(connection, answer) for answer in answers]
    except _KeyTaken:
        answer = _find_answer(resources, str(key), digest)
        if answer is None:
            raise Conflict(f"Idempotency-Key {key!r} is in use: try again") from None
        return answer


def _remember_answer(connection: Connection, key: str | None, answer: KeptAnswer) -> None:
    if key is not None and not idempotency.keep_answer(connection, key, answer):
        raise _KeyTaken  # rolls this transaction's jobs back: those of the other request stay


def _store_or_refuse(connection: Connection, item: _Item) -> _StoredAnswer:
    """One item of a batch: its errors do not affect the other items."""
    if isinstance(item, _CheckedSpec):
        try:
            return _store_one(connection, item)
        except (Invalid, Conflict) as error:
            item = _field_errors(error)
    return {"errors": [{"pointer": error.pointer, "detail": error.detail} for error in item]}


def _store_one(connection: Connection, item: _CheckedSpec) -> _StoredAnswer:
    """Raises Conflict or Invalid, before it writes anything, when data set or models were deleted since the check."""
    spec, models = item.spec, item.spec.model_ids_by_pointer()
    if not datasets.lock_dataset(connection, spec.dataset_id, alone=False):
        raise Conflict(f"data set {spec.dataset_id} has just been deleted")
    existing = results.lock_models(connection, models.values(), alone=False) if models else set()
    deleted = [
        FieldError(pointer, f"model {model_id} has just been deleted")
        for pointer, model_id in models.items()
        if model_id not in existing
    ]
    if deleted:
        raise Invalid("the job names things that have just been deleted", errors=tuple(deleted))
    job_id = jobs.insert_job(
        connection,
        job_type=JobType(spec.job_type),
        model_type=item.feasibility.model_type,
        spec=spec_json(spec),
        dataset_id=spec.dataset_id,
        priority=spec.priority,
        max_runtime_seconds=float(spec.max_runtime_seconds or 0),
        phases_count=item.feasibility.phases_count,
    )
    record_models(connection, job_id, models.values())
    return {"job_id": job_id}


def _check_key(resources: Resources, key: str | None) -> None:
    if key is None:
        return
    longest = resources.limits.idempotency_key_characters
    if not (1 <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise Invalid(f"Idempotency-Key must be 1 to {longest} printable ASCII characters")


def _find_answer(resources: Resources, key: str, digest: str) -> list[BatchItem] | None:
    with resources.database.read() as connection:
        answer = idempotency.find_answer(connection, key)
        if answer is None:
            return None
        if answer.fingerprint != digest:
            raise Conflict(f"Idempotency-Key {key!r} was used for another request: choose a new key")
        return [_batch_item(connection, stored) for stored in answer.outcome]


def _fingerprint_input(spec: JobSpec | None, errors: tuple[FieldError, ...]) -> object:
    return spec_json(spec) if spec is not None else [[error.pointer, error.detail] for error in errors]


def _existing_job(answer: Sequence[BatchItem]) -> Job:
    job = answer[0].job
    if job is None:
        raise NotFound(JOB_REMOVED)
    return job


def _batch_item(connection: Connection, answer: _StoredAnswer) -> BatchItem:
    if "job_id" not in answer:
        return BatchItem(None, tuple(FieldError(**error) for error in answer["errors"]))
    job = jobs.get_job(connection, answer["job_id"])
    return BatchItem(job, () if job else (FieldError("", JOB_REMOVED),))
