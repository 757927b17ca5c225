"""Stores the jobs of many submissions in one transaction, with as many statements for thousands of jobs as for one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_training.db import datasets, idempotency, jobs, results
from ml_training.db.audit import add_entries
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.job_models import record_models
from ml_training.db.project_scope import in_project
from ml_training.domain.audit import AuditAction, AuditEntry
from ml_training.domain.caller import Caller
from ml_training.domain.errors import Conflict, FieldError, Invalid, ServiceError
from ml_training.domain.records import Job
from ml_training.domain.specs import JobSpec, JobType
from ml_training.services.check_cache import Feasibility
from ml_training.services.feasibility import spec_to_store
from ml_training.services.given_estimates import GivenEstimate
from ml_training.services.model_references import current_models, moved
from ml_training.services.queue_limit import ProjectRoom, QueueRoom
from ml_training.services.resources import Resources


@dataclass(frozen=True, slots=True)
class CheckedSpec:
    """A spec that has passed the feasibility check; estimate: what a dry run has just said of it."""

    spec: JobSpec
    feasibility: Feasibility
    estimate: GivenEstimate | None = None


# Jobs whose result has bytes that count for a quota.
STORES_FILE = frozenset({JobType.TRAIN, JobType.PREDICT, JobType.TUNE})
Item = CheckedSpec | tuple[FieldError, ...]  # a spec of a submission, or the errors why it is none


@dataclass(frozen=True, slots=True)
class Submission:
    """The specs of one request and who sent it; `digest`: its fingerprint, compared when its key is used again.

    is_batch: a spec that cannot be stored is answered with its errors; the others are stored. Else it is an error.
    A group may hold submissions of several projects.
    """

    items: Sequence[Item]
    key: str | None
    digest: str
    is_batch: bool
    caller: Caller

    @property
    def project_id(self) -> int:
        """The project of the caller."""
        return self.caller.project_id


@dataclass(frozen=True, slots=True)
class BatchItem:
    """The answer to one spec of a submission: the stored job, or the errors why there is none."""

    job: Job | None
    errors: tuple[FieldError, ...]


class KeyTaken(Exception):
    """Another request stored its answer under the same key first."""


class CheckOutdated(Exception):
    """After the check a name has become another model, or, of a cached check, the data set or a model was deleted:
    check again."""


Answer = list[BatchItem]


def store(connection: Connection, resources: Resources, submissions: Sequence[Submission]) -> list[Answer | Exception]:
    """Store the jobs of each submission; its answer, or the error why nothing of it is stored, in their order.

    Raises KeyTaken when another process takes a key at this very moment: then nothing at all is stored.
    """
    room = QueueRoom(connection, resources.limits)
    answers: dict[int, Answer | Exception] = {}
    # One order for all processes: else two could wait for each other's locks.
    for project_id in sorted({submission.project_id for submission in submissions}):
        of_project = {n: submission for n, submission in enumerate(submissions) if submission.project_id == project_id}
        with in_project(project_id):
            answers |= _store_of_project(connection, of_project, room)
    return [answers[number] for number in range(len(submissions))]


def _store_of_project(
    connection: Connection, submissions: Mapping[int, Submission], queue: QueueRoom
) -> dict[int, Answer | Exception]:
    room = queue.of_project()
    taken = _taken_keys(connection, submissions.values())
    existing = _lock(connection, submissions.values())
    answers: dict[int, Answer | Exception] = {}
    accepted: dict[int, list[Item]] = {}
    for number, submission in submissions.items():
        try:
            accepted[number] = _accept(submission, taken, existing, room)
        except (KeyTaken, CheckOutdated, ServiceError) as error:
            answers[number] = error
    makers = [(submissions[number].caller.key_id, item) for number, items in accepted.items() for item in items]
    stored = _insert(connection, makers, now=queue.now)
    kept, entries = {}, []
    for number, items in accepted.items():
        answer = answers[number] = [_answer(item, stored) for item in items]
        entries += submission_entries(submissions[number].caller, answer)
        if (key := submissions[number].key) is not None:
            kept[key] = KeptAnswer(submissions[number].digest, [_outcome(item) for item in answer])
    if kept and not idempotency.keep_answers(connection, kept):
        raise KeyTaken  # rolls the jobs back: those of the other request stay
    add_entries(connection, entries)
    return answers


def submission_entries(caller: Caller, answer: Answer) -> list[AuditEntry]:
    """The entry of a submission in the audit; none when it stores no job."""
    ids = tuple(item.job.id for item in answer if item.job is not None)
    return [AuditEntry(AuditAction.JOB_SUBMIT, caller, ids)] if ids else []


def field_errors(error: Conflict | Invalid) -> tuple[FieldError, ...]:
    """The errors of a refused spec as the answer to one spec of a batch."""
    if isinstance(error, Conflict):
        return (FieldError("/dataset_id", error.detail),)
    return error.errors or (FieldError("", error.detail),)


@dataclass(frozen=True, slots=True)
class _Existing:
    """The data sets and models that are locked, so that nobody deletes them before the COMMIT.

    named: the model that each name in a spec means in this transaction.
    """

    datasets: set[int]
    models: set[int]
    named: Mapping[str, int | None]


def _taken_keys(connection: Connection, submissions: Iterable[Submission]) -> set[str]:
    keys = [submission.key for submission in submissions if submission.key is not None]
    return idempotency.taken_keys(connection, keys) if keys else set()


def _lock(connection: Connection, submissions: Iterable[Submission]) -> _Existing:
    specs = [item.spec for submission in submissions for item in submission.items if isinstance(item, CheckedSpec)]
    dataset_ids = {spec.dataset_id for spec in specs if spec.dataset_id is not None}
    model_ids = {model_id for spec in specs for model_id in spec.model_ids_by_pointer().values()}
    return _Existing(
        datasets.lock_datasets(connection, dataset_ids, alone=False) if dataset_ids else set(),
        results.lock_models(connection, model_ids, alone=False) if model_ids else set(),
        current_models(connection, specs),
    )


def _accept(submission: Submission, taken: set[str], existing: _Existing, room: ProjectRoom) -> list[Item]:
    """The items to answer; raises the reason why nothing of the submission is stored, and takes nothing then."""
    if submission.key in taken:
        raise KeyTaken
    items = [_still_possible(item, existing, submission) for item in submission.items]
    wanted = [item for item in items if isinstance(item, CheckedSpec)]
    room.take(len(wanted), stores_file=any(item.spec.job_type in STORES_FILE for item in wanted))
    if submission.key is not None:
        taken.add(submission.key)  # a second one of this group reads the answer of the first
    return items


def _still_possible(item: Item, existing: _Existing, submission: Submission) -> Item:
    refusal = _refusal(item.spec, existing) if isinstance(item, CheckedSpec) else None
    if refusal is None or not isinstance(item, CheckedSpec):
        return item
    if submission.is_batch:
        return field_errors(refusal)
    raise CheckOutdated if item.feasibility.is_cached or moved(item.spec, existing.named) else refusal


def _refusal(spec: JobSpec, existing: _Existing) -> Conflict | Invalid | None:
    if spec.dataset_id is not None and spec.dataset_id not in existing.datasets:
        return Conflict(f"data set {spec.dataset_id} has just been deleted")
    deleted = [
        FieldError(pointer, f"model {model_id} has just been deleted")
        for pointer, model_id in spec.model_ids_by_pointer().items()
        if model_id not in existing.models
    ]
    if deleted:
        return Invalid("the job names things that have just been deleted", errors=tuple(deleted))
    change = moved(spec, existing.named)
    return None if change is None else Invalid(change.detail, errors=(change,))


def _insert(connection: Connection, makers: Iterable[tuple[str | None, Item]], *, now: float) -> Mapping[int, Job]:
    """The stored jobs by `id()` of their items: equal specs are different jobs. makers: each item with its key's id."""
    made = [(key_id, item) for key_id, item in makers if isinstance(item, CheckedSpec)]
    stored = jobs.insert_jobs(connection, [_row(item) | {"created_by": key_id} for key_id, item in made], now=now)
    wanted = [item for _, item in made]
    record_models(
        connection,
        [
            (job.id, model_id)
            for job, item in zip(stored, wanted, strict=True)
            for model_id in item.spec.model_ids_by_pointer().values()
        ],
    )
    return {id(item): job for item, job in zip(wanted, stored, strict=True)}


def _row(item: CheckedSpec) -> dict[str, Any]:
    spec, feasibility = item.spec, item.feasibility
    return {
        "job_type": JobType(spec.job_type),
        "model_type": feasibility.model_type,
        "spec": spec_to_store(spec, feasibility),
        "dataset_id": spec.dataset_id,
        "priority": spec.priority,
        "max_runtime_seconds": float(spec.max_runtime_seconds or 0),
        "phases_count": feasibility.phases_count,
        "memory_bytes": feasibility.memory_bytes,
        "warnings": [warning.to_json() for warning in feasibility.warnings],
        "estimated_seconds": None if item.estimate is None else item.estimate.seconds,
        "estimated_wait": None if item.estimate is None else item.estimate.starts_in_seconds,
    }


def _answer(item: Item, stored: Mapping[int, Job]) -> BatchItem:
    return BatchItem(stored[id(item)], ()) if isinstance(item, CheckedSpec) else BatchItem(None, item)


def _outcome(item: BatchItem) -> dict[str, Any]:
    if item.job is not None:
        return {"job_id": item.job.id}
    return {"errors": [{"pointer": error.pointer, "detail": error.detail} for error in item.errors]}
