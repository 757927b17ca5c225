"""Takes jobs in: validated, checked against the data, stored and committed; only then a permit is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, idempotency, jobs, registry
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.job_models import name_models
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound
from ml_training.domain.records import Job
from ml_training.domain.specs import CompareSpec, TestSpec, fingerprint, parse_spec, spec_json
from ml_training.domain.states import JobType
from ml_training.services.core import Core
from ml_training.services.feasibility import Feasible, Submitted, check_feasible
from ml_training.services.room import check_room

GONE = "the job that this key stands for has been removed by retention"
PERMITS_A_BATCH = 16  # the relay sends the rest as slots become free


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The answer to one spec of a batch: the stored job, or every reason why there is none."""

    job: Job | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class _Checked:
    spec: Submitted
    found: Feasible


_Item = _Checked | tuple[FieldError, ...]
_Outcome = dict[str, Any]


class _KeyTaken(Exception):
    """Another request kept its answer under the same key first."""


def submit_job(core: Core, body: object, *, idempotency_key: str | None = None) -> Job:
    """Store one job and send its permit.

    Raises Invalid (wrong spec, or one that the data cannot carry), Conflict (data set not READY, key used for another
    spec), TooMany (queue full), Unavailable. The same key and spec give the job that the first request made.
    """
    _check_key(core, idempotency_key)
    spec, errors = parse_spec(body, max_runtime_seconds=core.limits.runtime_seconds)
    if spec is None:
        raise Invalid("the job spec is wrong", errors=errors)
    print_ = fingerprint(spec_json(spec))
    if idempotency_key is not None and (kept := _kept(core, idempotency_key, print_)) is not None:
        return _still_there(kept)
    checked = _Checked(spec, check_feasible(core, spec))
    stored = _store(core, [checked], idempotency_key, print_, _store_one)
    core.permits.publish()
    return _still_there(stored)


def submit_batch(core: Core, bodies: Sequence[object], *, idempotency_key: str | None = None) -> list[BatchItem]:
    """Store the valid specs in one transaction and say of each other one what is wrong with it."""
    _check_key(core, idempotency_key)
    if not 1 <= len(bodies) <= core.limits.batch_jobs:
        raise Invalid(f"a batch holds 1 to {core.limits.batch_jobs} jobs, this one {len(bodies)}")
    parsed = [parse_spec(body, max_runtime_seconds=core.limits.runtime_seconds) for body in bodies]
    print_ = fingerprint([_printed(spec, errors) for spec, errors in parsed])
    kept = None if idempotency_key is None else _kept(core, idempotency_key, print_)
    if kept is not None:
        return kept
    items = [errors if spec is None else _check_item(core, spec) for spec, errors in parsed]
    stored = _store(core, items, idempotency_key, print_, _store_or_refuse)
    core.permits.publish(min(PERMITS_A_BATCH, sum(item.job is not None for item in stored)))
    return stored


def _check_item(core: Core, spec: Submitted) -> _Item:
    try:
        return _Checked(spec, check_feasible(core, spec))
    except (Invalid, Conflict) as error:
        return _reasons(error)


def _reasons(error: Invalid | Conflict) -> tuple[FieldError, ...]:
    if isinstance(error, Conflict):
        return (FieldError("/dataset_id", error.detail),)
    return error.errors or (FieldError("", error.detail),)


def _store(
    core: Core,
    items: Sequence[_Item],
    key: str | None,
    print_: str,
    store: Callable[[Connection, Any], _Outcome],
) -> list[BatchItem]:
    try:
        with core.database.write() as connection:
            check_room(connection, core, sum(isinstance(item, _Checked) for item in items))
            outcomes = [store(connection, item) for item in items]
            _keep(connection, key, KeptAnswer(print_, outcomes))
            # Read here, not behind the COMMIT: an outage there would make a 503 of jobs that are stored.
            return _answers(connection, outcomes)
    except _KeyTaken:
        kept = _kept(core, str(key), print_)
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
    if not datasets.hold_dataset(connection, spec.dataset_id, alone=False):
        raise Conflict(f"data set {spec.dataset_id} has just been deleted")
    there = registry.hold_models(connection, models.values(), alone=False) if models else set()
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
    name_models(connection, job_id, models.values())
    return {"job_id": job_id}


def _models(spec: Submitted) -> dict[str, int]:
    """The models that the spec names, by pointer."""
    if isinstance(spec, TestSpec):
        return {"/model_id": spec.model_id}
    if isinstance(spec, CompareSpec):
        return {f"/model_ids/{number}": model_id for number, model_id in enumerate(spec.model_ids)}
    return {}


def _check_key(core: Core, key: str | None) -> None:
    if key is None:
        return
    longest = core.limits.idempotency_key_characters
    if not (1 <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise Invalid(f"Idempotency-Key must be 1 to {longest} printable ASCII characters")


def _kept(core: Core, key: str, print_: str) -> list[BatchItem] | None:
    with core.database.read() as connection:
        answer = idempotency.find_answer(connection, key)
        if answer is None:
            return None
        if answer.fingerprint != print_:
            raise Conflict(f"Idempotency-Key {key!r} was used for another request: choose a new key")
        return _answers(connection, answer.outcome)


def _printed(spec: Submitted | None, errors: tuple[FieldError, ...]) -> object:
    return spec_json(spec) if spec is not None else [[error.pointer, error.detail] for error in errors]


def _still_there(answer: Sequence[BatchItem]) -> Job:
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
