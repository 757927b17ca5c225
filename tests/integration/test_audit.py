"""Every change is reported in its own transaction, by whoever made it; and who did not make a thing may not end it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from ml_training.db.access_tables import audit
from ml_training.db.engine import Database
from ml_training.domain.audit import AuditRecord
from ml_training.domain.caller import Caller, Role
from ml_training.domain.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError, Unavailable
from ml_training.maintenance.cleanup import forget_audit_once
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.datasets import accept_sample, delete_dataset
from ml_training.services.explanations import delete_explanation
from ml_training.services.keys import create_key, revoke_key
from ml_training.services.models import change_model, delete_model
from ml_training.services.predictions import delete_prediction
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_batch, submit_job
from tests.support.api import ready_dataset, stored_explanation, stored_model, stored_prediction, train_spec
from tests.support.group_commit import submitted_together

DAY = 86_400.0


def acting(resources: Resources, role: Role, key_id: str = "0123456789ab") -> Resources:
    """The resources of a request with this key."""
    return resources.acting_for(Caller(key_id, role, 1, "192.0.2.7", f"request of {key_id}"))


@pytest.fixture
def submitter(resources: Resources) -> Resources:
    """A caller who submits."""
    return acting(resources, Role.SUBMITTER)


@pytest.fixture
def other(resources: Resources) -> Resources:
    """Another caller who submits."""
    return acting(resources, Role.SUBMITTER, "other")


def entries(resources: Resources) -> list[AuditRecord]:
    """The audit, oldest first."""
    return list(reversed(queries.list_audit(resources).items))


def told(resources: Resources) -> list[tuple[str, tuple[int | str, ...]]]:
    """What was done to what, oldest first."""
    return [(entry.action, entry.subject_ids) for entry in entries(resources)]


def test_every_change_is_reported_with_who_made_it(resources: Resources, submitter: Resources) -> None:
    dataset_id = ready_dataset(resources)
    sample = accept_sample(submitter, name="iris", sample="iris")
    job = submit_job(submitter, train_spec(dataset_id))
    batch = submit_batch(submitter, [train_spec(dataset_id), {}, train_spec(dataset_id)])
    request_cancel(submitter, job.id)
    operator = acting(resources, Role.OPERATOR, "operator")
    model_id = stored_model(resources, dataset_id=dataset_id, job_id=90)
    prediction_id = stored_prediction(resources, model_id=model_id, dataset_id=dataset_id, job_id=91)
    explanation_id = stored_explanation(resources, model_id=model_id, dataset_id=dataset_id, job_id=92)
    change_model(operator, model_id, {"aliases": ["champion"]})
    delete_prediction(operator, prediction_id)
    delete_explanation(operator, explanation_id)
    delete_model(operator, model_id)
    request_cancel(operator, sample.job_id or 0)
    delete_dataset(operator, sample.id)
    made = create_key(resources.database, operator.caller, name="n", role=Role.VIEWER)
    revoke_key(resources.database, operator.caller, made.key_id)
    jobs = [item.job.id for item in batch if item.job is not None]
    assert told(resources) == [
        ("dataset.create", (sample.id,)),
        ("job.submit", (job.id,)),
        ("job.submit", tuple(jobs)),
        ("job.cancel", (job.id,)),
        ("model.change", (model_id,)),
        ("prediction.delete", (prediction_id,)),
        ("explanation.delete", (explanation_id,)),
        ("model.delete", (model_id,)),
        ("job.cancel", (sample.job_id,)),
        ("dataset.delete", (sample.id,)),
        ("key.create", (made.key_id,)),
        ("key.revoke", (made.key_id,)),
    ]
    first, last = entries(resources)[0], entries(resources)[-1]
    assert (first.key_id, first.role, first.project_id) == ("0123456789ab", "submitter", 1)
    assert (first.address, first.request_id, first.outcome) == ("192.0.2.7", "request of 0123456789ab", "done")
    assert last.key_id == "operator"
    assert first.at <= last.at


def test_submissions_that_share_a_transaction_each_have_their_own_entry(resources: Resources) -> None:
    dataset_id = ready_dataset(resources)
    callers = [acting(resources, Role.SUBMITTER, f"key {number}") for number in range(4)]
    submit_job(resources, train_spec(dataset_id))
    wrong = acting(resources, Role.SUBMITTER, "refused")
    submissions: list[Callable[[], Any]] = [
        *(lambda one=one: submit_job(one, train_spec(dataset_id)) for one in callers),  # type: ignore[misc]
        lambda: submit_job(wrong, {}),
    ]
    ended = submitted_together(resources, submissions[:4])
    with pytest.raises(Invalid):
        submissions[4]()
    made = {one.caller.key_id: future.result() for one, future in zip(callers, ended, strict=True)}
    assert {key_id: job.created_by for key_id, job in made.items()} == {key_id: key_id for key_id in made}
    found = {entry.key_id: entry.subject_ids for entry in entries(resources)[1:]}
    assert found == {key_id: (job.id,) for key_id, job in made.items()}


def test_what_did_not_happen_is_not_reported(resources: Resources, submitter: Resources) -> None:
    dataset_id = ready_dataset(resources)
    job = submit_job(submitter, train_spec(dataset_id), idempotency_key="once")
    before = told(resources)
    assert submit_job(submitter, train_spec(dataset_id), idempotency_key="once").id == job.id
    attempts: tuple[tuple[type[ServiceError], Callable[[], object]], ...] = (
        (NotFound, lambda: request_cancel(submitter, 10**6)),
        (Conflict, lambda: delete_dataset(acting(resources, Role.OPERATOR), dataset_id)),
        (NotFound, lambda: revoke_key(resources.database, submitter.caller, "0" * 12)),
        (Invalid, lambda: create_key(resources.database, submitter.caller, name="", role=Role.VIEWER)),
    )
    for error, attempt in attempts:
        with pytest.raises(error):
            attempt()
    assert told(resources) == before


def test_a_change_whose_entry_cannot_be_stored_does_not_happen(
    resources: Resources, submitter: Resources, database: Database
) -> None:
    dataset_id = ready_dataset(resources)
    job = submit_job(submitter, train_spec(dataset_id))
    with database.write() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO audit_away"))
    attempts: tuple[Callable[[], object], ...] = (
        lambda: request_cancel(submitter, job.id),
        lambda: submit_job(submitter, train_spec(dataset_id)),
        lambda: accept_sample(submitter, name="iris", sample="iris"),
    )
    for attempt in attempts:
        with pytest.raises((DBAPIError, Unavailable)):
            attempt()
    assert [(shown.id, shown.status) for shown in queries.list_jobs(resources).items] == [(job.id, job.status)]


def test_another_submitter_neither_ends_nor_deletes_what_a_key_made(
    resources: Resources, submitter: Resources, other: Resources
) -> None:
    sample = accept_sample(submitter, name="iris", sample="iris")
    job = submit_job(submitter, train_spec(ready_dataset(resources)))
    before = told(resources)
    for attempt in (
        lambda: request_cancel(other, job.id),
        lambda: request_cancel(other, sample.job_id or 0),
        lambda: delete_dataset(other, sample.id),
    ):
        with pytest.raises(Forbidden, match="operator"):
            attempt()
    assert queries.get_job(resources, job.id).status == "PENDING"
    assert not queries.get_job(resources, job.id).cancel_requested
    assert told(resources) == before
    request_cancel(submitter, job.id)
    request_cancel(submitter, sample.job_id or 0)
    delete_dataset(submitter, sample.id)


def test_a_model_belongs_to_the_key_whose_job_made_it(
    resources: Resources, submitter: Resources, other: Resources
) -> None:
    dataset_id = ready_dataset(resources)
    job = submit_job(submitter, train_spec(dataset_id))
    model_id = stored_model(resources, dataset_id=dataset_id, job_id=job.id)
    prediction_id = stored_prediction(resources, model_id=model_id, dataset_id=dataset_id, job_id=job.id)
    explanation_id = stored_explanation(resources, model_id=model_id, dataset_id=dataset_id, job_id=job.id)
    for attempt in (
        lambda: change_model(other, model_id, {"description": "mine"}),
        lambda: delete_model(other, model_id),
        lambda: delete_prediction(other, prediction_id),
        lambda: delete_explanation(other, explanation_id),
        lambda: change_model(submitter, model_id, {"aliases": ["champion"]}),
    ):
        with pytest.raises(Forbidden, match="operator"):
            attempt()
    assert change_model(submitter, model_id, {"description": "mine"}).description == "mine"
    assert change_model(acting(resources, Role.OPERATOR), model_id, {"aliases": ["champion"]}).aliases == ("champion",)
    delete_prediction(submitter, prediction_id)
    delete_explanation(submitter, explanation_id)
    delete_model(submitter, model_id)


def test_what_was_made_while_the_service_was_open_belongs_to_operators(
    resources: Resources, submitter: Resources
) -> None:
    job = submit_job(resources, train_spec(ready_dataset(resources)))
    with pytest.raises(Forbidden):
        request_cancel(submitter, job.id)
    request_cancel(acting(resources, Role.OPERATOR), job.id)


def test_old_entries_go_in_batches_and_young_ones_stay(resources: Resources, submitter: Resources) -> None:
    row = {"action": "job.submit", "subject_ids": [1], "outcome": "done", "role": "admin", "project_id": 1}
    with resources.database.write() as connection:
        connection.execute(insert(audit), [{**row, "at": 1.0, "address": "", "request_id": ""} for _ in range(700)])
    accept_sample(submitter, name="iris", sample="iris")
    assert forget_audit_once(resources, age_seconds=0) == 0
    assert [forget_audit_once(resources, age_seconds=DAY) for _ in range(3)] == [500, 200, 0]
    assert [entry.action for entry in entries(resources)] == ["dataset.create"]


def test_the_entries_are_read_page_by_page(resources: Resources, submitter: Resources) -> None:
    for name in ("a", "b", "c"):
        accept_sample(submitter, name=name, sample="iris")
    first = queries.list_audit(resources, limit=2)
    second = queries.list_audit(resources, limit=2, cursor=first.next_cursor)
    assert [entry.id for entry in (*first.items, *second.items)] == [3, 2, 1]
    assert second.next_cursor is None
    assert dataclasses.asdict(first.items[0])["subject_ids"] == (3,)
