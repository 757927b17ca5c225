"""Takes jobs in: validated, checked against the data, stored and committed; only then a permit is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, idempotency, jobs, results
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.job_models import record_models
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.domain.records import Job
from ml_training.domain.specs import CompareSpec, JobType, TestSpec, fingerprint, parse_spec, spec_json
from ml_training.services.feasibility import Feasibility, JobSpec, check_feasibility
from ml_training.services.queue_limit import check_queue_limit
from ml_training.services.resources import Resources

GONE = "the job that this key stands for has been removed by retention"
PERMITS_A_BATCH = 16  # the relay sends the rest as slots become free


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The answer to one spec of a batch: the stored job, or every reason why there is none."""

    job: Job | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    spec: JobSpec
    found: Feasibility


_Item = _Checked | tuple[FieldError, ...]
_Outcome = dict[str, Any]


class _KeyTaken(Exception):
    """Another request kept its answer under the same key first."""


def submit_job(resources: Resources, body: object, *, idempotency_key: str | None = None) -> Job:
    """Store one job and send its permit.

    Raises Invalid (wrong spec, or one that the data cannot carry), Conflict (data set not READY, key used for another
    spec), TooMany (queue full), Unavailable. The same key and spec give the job that the first request made.
    """
    _check_key(resources, idempotency_key)
    spec, errors = parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds)
    if spec is None:
        raise Invalid("the job spec is wrong", errors=errors)
    fingerprint_ = fingerprint(spec_json(spec))
    if idempotency_key is not None and (kept := _kept(resources, idempotency_key, fingerprint_)) is not None:
        return _existing_job(kept)
    checked = _Checked(spec, check_feasibility(resources, spec))
    stored = _store(resources, [checked], idempotency_key, fingerprint_, _store_one)
    resources.permits.publish()
    return _existing_job(stored)


def submit_batch(
    resources: Resources, bodies: Sequence[object], *, idempotency_key: str | None = None
) -> list[BatchItem]:
    """Store the valid specs in one transaction and say of each other one what is wrong with it."""
    _check_key(resources, idempotency_key)
    if not 1 <= len(bodies) <= resources.limits.batch_jobs:
        raise Invalid(f"a batch holds 1 to {resources.limits.batch_jobs} jobs, this one {len(bodies)}")
    parsed = [parse_spec(body, max_runtime_seconds=resources.limits.runtime_seconds) for body in bodies]
    fingerprint_ = fingerprint([_fingerprint_input(spec, errors) for spec, errors in parsed])
    kept = None if idempotency_key is None else _kept(resources, idempotency_key, fingerprint_)
    if kept is not None:
        return kept
    items = [errors if spec is None else _check_item(resources, spec) for spec, errors in parsed]
    stored = _store(resources, items, idempotency_key, fingerprint_, _store_or_refuse)
    resources.permits.publish(min(PERMITS_A_BATCH, sum(item.job is not None for item in stored)))
    return stored


def _check_item(resources: Resources, spec: JobSpec) -> _Item:
    try:
        return _Checked(spec, check_feasibility(resources, spec))
    except (Invalid, Conflict) as error:
        return _reasons(error)


def _reasons(error: Invalid | Conflict) -> tuple[FieldError, ...]:
    if isinstance(error, Conflict):
        return (FieldError("/dataset_id", error.detail),)
    return error.errors or (FieldError("", error.detail),)


def _store(
    resources: Resources,
    items: Sequence[_Item],
    key: str | None,
    fingerprint_: str,
    store: Callable[[Connection, Any], _Outcome],
) -> list[BatchItem]:
    try:
        with resources.database.write() as connection:
            check_queue_limit(connection, resources, sum(isinstance(item, _Checked) for item in items))
            outcomes = [store(connection, item) for item in items]
            _keep(connection, key, KeptAnswer(fingerprint_, outcomes))
            # Read here, not behind the COMMIT: an outage there would make a 503 of jobs that are stored.
            return _answers(connection, outcomes)
    except _KeyTaken:
        kept = _kept(resources, str(key), fingerprint_)
        if kept is None:
            raise Conflict(f"Idempotency-Key {key!r} is in use: try again") from None
        return kept


def _keep(connection: Connection, key: str | None, answer: KeptAnswer) -> None:
    if key is not None and not idempotency.keep_answer(connection, key, answer):
        raise _KeyTaken  # takes this transaction's jobs back: the other request's stand


def _store_or_refuse(connection: Connection, item: _Item) -> _Outcome:
    """One item of a batch: what is wrong with it does not touch the others."""
    if isinstance(item, _Checked):
        try:
            return _store_one(connection, item)
        except (Invalid, Conflict) as error:
            item = _reasons(error)
    return {"errors": [{"pointer": error.pointer, "detail": error.detail} for error in item]}


def _store_one(connection: Connection, item: _Checked) -> _Outcome:
    """Raises Conflict or Invalid, before it writes anything, when data set or models were deleted since the check."""
    spec, models = item.spec, _models(item.spec)
    if not datasets.lock_dataset(connection, spec.dataset_id, alone=False):
        raise Conflict(f"data set {spec.dataset_id} has just been deleted")
    there = results.lock_models(connection, models.values(), alone=False) if models else set()
    gone = [
        FieldError(pointer, f"model {model_id} has just been deleted")
        for pointer, model_id in models.items()
        if model_id not in there
    ]
    if gone:
        raise Invalid("the job names things that have just been deleted", errors=tuple(gone))
    job_id = jobs.insert_job(
        connection,
        job_type=JobType(spec.job_type),
        model_type=item.found.model_type,
        spec=spec_json(spec),
        dataset_id=spec.dataset_id,
        priority=spec.priority,
        max_runtime_seconds=float(spec.max_runtime_seconds or 0),
        phases_count=item.found.phases_count,
    )
    record_models(connection, job_id, models.values())
    return {"job_id": job_id}


def _models(spec: JobSpec) -> dict[str, int]:
    """The models that the spec names, by pointer."""
    if isinstance(spec, TestSpec):
        return {"/model_id": spec.model_id}
    if isinstance(spec, CompareSpec):
        return {f"/model_ids/{number}": model_id for number, model_id in enumerate(spec.model_ids)}
    return {}


def _check_key(resources: Resources, key: str | None) -> None:
    if key is None:
        return
    longest = resources.limits.idempotency_key_characters
    if not (1 <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise Invalid(f"Idempotency-Key must be 1 to {longest} printable ASCII characters")


def _kept(resources: Resources, key: str, fingerprint_: str) -> list[BatchItem] | None:
    with resources.database.read() as connection:
        answer = idempotency.find_answer(connection, key)
        if answer is None:
            return None
        if answer.fingerprint != fingerprint_:
            raise Conflict(f"Idempotency-Key {key!r} was used for another request: choose a new key")
        return _answers(connection, answer.outcome)


def _fingerprint_input(spec: JobSpec | None, errors: tuple[FieldError, ...]) -> object:
    return spec_json(spec) if spec is not None else [[error.pointer, error.detail] for error in errors]


def _existing_job(answer: Sequence[BatchItem]) -> Job:
    job = answer[0].job
    if job is None:
        raise NotFound(GONE)
    return job


def _answers(connection: Connection, outcomes: Sequence[_Outcome]) -> list[BatchItem]:
    return [_answer_to(connection, outcome) for outcome in outcomes]


def _answer_to(connection: Connection, outcome: _Outcome) -> BatchItem:
    if "job_id" not in outcome:
        return BatchItem(None, tuple(FieldError(**error) for error in outcome["errors"]))
    job = jobs.get_job(connection, outcome["job_id"])
    return BatchItem(job, () if job else (FieldError("", GONE),))
