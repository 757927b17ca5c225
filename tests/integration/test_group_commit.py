"""Submissions that arrive together share a transaction; each gets its own answer, and a bad one fails alone."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from ml_training.db import datasets
from ml_training.db.engine import Database
from ml_training.domain.errors import Invalid, TooMany, Unavailable
from ml_training.domain.limits import Limits
from ml_training.domain.records import Job
from ml_training.services import queries
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.api import ready_dataset, train_spec
from tests.support.group_commit import submitted_together

TOGETHER = 8


@pytest.fixture
def dataset_id(resources: Resources) -> int:
    """A READY data set."""
    return ready_dataset(resources)


def commits(work: Callable[[], object]) -> int:
    """How many transactions of writers are committed meanwhile."""
    seen: list[Connection] = []

    def note(connection: Connection) -> None:
        seen.append(connection)

    event.listen(Engine, "commit", note)
    try:
        work()
    finally:
        event.remove(Engine, "commit", note)
    return len(seen)


def test_requests_that_arrive_together_share_a_transaction(resources: Resources, dataset_id: int) -> None:
    submit_job(resources, train_spec(dataset_id))  # the check is cached from here on: it reads nothing
    answers: list[Future[Job]] = []

    def together() -> None:
        wanted = [lambda p=p: submit_job(resources, train_spec(dataset_id, priority=p + 1)) for p in range(TOGETHER)]
        answers.extend(submitted_together(resources, wanted))

    assert commits(together) == 2, "the group that was led before, and this one"
    jobs = [answer.result() for answer in answers]
    assert [job.priority for job in jobs] == list(range(1, TOGETHER + 1)), "each has its own answer"
    assert len({job.id for job in jobs}) == TOGETHER


def test_each_of_a_group_is_refused_for_its_own_reason(resources: Resources, dataset_id: int) -> None:
    gone = ready_dataset(resources, name="gone")
    small = dataclasses.replace(resources, limits=Limits(pending_jobs=3))
    for known in (dataset_id, gone):
        submit_job(small, train_spec(known))
    request_cancel(small, 2)
    deleted, first, second, other, full = submitted_together(
        small,
        [
            lambda: submit_job(small, train_spec(gone)),
            lambda: submit_job(small, train_spec(dataset_id), idempotency_key="k"),
            lambda: submit_job(small, train_spec(dataset_id), idempotency_key="k"),
            lambda: submit_job(small, train_spec(dataset_id)),
            lambda: submit_job(small, train_spec(dataset_id)),
        ],
        meanwhile=lambda connection: datasets.mark_deleted(connection, gone),
    )
    assert isinstance(deleted.exception(), Invalid), "a cached check from before the deletion"
    assert first.result() == second.result(), "one key, one job"
    assert other.result().id != first.result().id, "what is refused takes no room"
    assert isinstance(full.exception(), TooMany)
    assert len(queries.list_jobs(small).items) == 4


def test_a_request_that_breaks_its_group_fails_alone(resources: Resources, dataset_id: int) -> None:
    def store(connection: Connection, requests: Any) -> list[Any]:
        if "bad" in requests:
            raise ValueError("broken")
        return [f"stored {request}" for request in requests]

    def run(request: str) -> Any:
        return lambda: resources.group_commit.run(resources.database.write, store, request)

    good, bad, other = submitted_together(resources, [run("a"), run("bad"), run("b")])
    assert (good.result(), other.result()) == ("stored a", "stored b")
    assert isinstance(bad.exception(), ValueError)


def test_an_outage_is_told_to_each_of_the_group_and_the_next_group_is_stored(
    resources: Resources, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_self: object) -> Any:
        raise Unavailable("the database is away")

    submit_job(resources, train_spec(dataset_id))
    with monkeypatch.context() as context:
        context.setattr(Database, "write", away)
        with ThreadPoolExecutor(TOGETHER) as pool:
            found = [pool.submit(submit_job, resources, train_spec(dataset_id)) for _ in range(TOGETHER)]
        assert all(isinstance(answer.exception(), Unavailable) for answer in found)
    assert submit_job(resources, train_spec(dataset_id)).id
