"""Submitting: refused at the door with every reason, stored once, and permits that are only permits."""

import dataclasses
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from ml_training.db import claims, datasets, heartbeats, jobs
from ml_training.db.engine import Database
from ml_training.db.retention import forget_jobs
from ml_training.domain.errors import Conflict, FieldError, Invalid, NotFound, TooMany, Unavailable
from ml_training.domain.limits import Limits
from ml_training.domain.records import Job
from ml_training.domain.specs import JobSpec
from ml_training.domain.states import JobStatus
from ml_training.maintenance.relay import relay_once
from ml_training.queue.permits import Permits, open_permits
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.selection.index_writer import write_index
from ml_training.services import queries, submit
from ml_training.services.cancel import request_cancel
from ml_training.services.check_cache import CheckCache, Feasibility
from ml_training.services.datasets import accept_sample, accept_upload, delete_dataset, store_upload
from ml_training.services.feasibility import check_feasibility
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_batch, submit_job
from ml_training.storage.base import ObjectKind
from tests.support.eventually import eventually
from tests.support.jobs import store_job
from tests.support.redis_server import start_redis
from tests.support.scenario import open_scenario


@pytest.fixture
def dataset_id(resources: Resources) -> int:
    """A READY data set of 100 rows with two classes, made without a worker."""
    stored = store_upload(resources, "csv", [b"x,y\n1,0\n"])
    dataset = accept_upload(resources, name="data", file_format="csv", stored=stored)
    random = np.random.default_rng(0)
    with resources.storage.scratch() as directory:
        columns = [
            IndexColumn("x", ColumnKind.NUMBER, random.normal(size=100)),
            IndexColumn("y", ColumnKind.INTEGER, np.arange(100, dtype=np.int64) % 2),
            IndexColumn("one", ColumnKind.INTEGER, np.ones(100, dtype=np.int64)),
        ]
        index = resources.storage.put_directory(ObjectKind.INDEX, write_index(directory, columns, rows=100).directory)
    with resources.database.write() as connection:
        job = claims.claim_next(connection, worker="w", lease_seconds=60)
        assert job is not None
        datasets.mark_ready(
            connection,
            dataset.id,
            index_key=index.key,
            index_sha256=index.sha256,
            index_bytes=index.size,
            rows=100,
            columns=3,
            profile={},
        )
        jobs.complete(connection, job_id=job.id, attempt=1, result_id=dataset.id, rows_used=100, features_count=None)
    return dataset.id


def spec(dataset_id: int, **values: Any) -> dict[str, Any]:
    """A good TRAIN spec, with changes."""
    return {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "y"},
        **values,
    }


def all_jobs(resources: Resources) -> list[Job]:
    """Every TRAIN job there is."""
    return list(queries.list_jobs(resources, job_type="TRAIN").items)


def test_a_good_spec_is_stored_with_its_defaults(resources: Resources, dataset_id: int) -> None:
    job = submit_job(resources, spec(dataset_id))
    assert (job.status, job.attempt, job.progress, job.model_type) == (JobStatus.PENDING, 0, 0.0, "lightgbm")
    assert job.spec["params"]["num_leaves"] == 31
    assert job.spec["max_runtime_seconds"] == resources.limits.runtime_seconds


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"target": {"column": "nothing"}}, {"/target/column"}),
        ({"target": {"column": "one"}}, {"/target/column"}),
        ({"features": ["x", "gone"]}, {"/features/1"}),
        ({"dataset_id": 999}, {"/dataset_id"}),
        ({"params": {"num_leaves": 1, "n_jobs": 4}, "typo": 1}, {"/params/num_leaves", "/params/n_jobs", "/typo"}),
        ({"max_runtime_seconds": 10**9}, {"/max_runtime_seconds"}),
        ({"phases": [1]}, {"/phases"}),
        ({"train_start": "2026-01-01T00:00:00Z"}, {"/train_start"}),
    ],
)
def test_what_cannot_run_is_refused_with_every_reason_and_nothing_is_stored(
    resources: Resources, dataset_id: int, changes: dict[str, Any], pointers: set[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        submit_job(resources, {**spec(dataset_id), **changes})
    assert {error.pointer for error in refused.value.errors} == pointers
    assert all_jobs(resources) == []


def test_a_data_set_in_the_making_is_a_conflict_not_a_fault(resources: Resources) -> None:
    dataset = accept_sample(resources, name="bc", sample="breast_cancer")
    with pytest.raises(Conflict, match="PROCESSING"):
        submit_job(resources, spec(dataset.id))


def test_fifty_equal_requests_at_once_make_one_job(resources: Resources, dataset_id: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: submit_job(resources, spec(dataset_id), idempotency_key="k").id, range(50)))
    assert len(set(found)) == 1
    assert len(all_jobs(resources)) == 1


def test_equal_requests_of_which_neither_saw_the_other_make_one_job(
    resources: Resources, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)  # waits behind the look for a kept answer, and before the job is stored

    def check(resources: Resources, spec: JobSpec) -> Feasibility:
        both.wait(60)
        return check_feasibility(resources, spec)

    monkeypatch.setattr(submit, "check_job", check)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: submit_job(resources, spec(dataset_id), idempotency_key="k").id, range(2)))
    assert len(set(found)) == 1
    assert len(all_jobs(resources)) == 1


def test_a_key_used_for_another_spec_is_a_conflict(resources: Resources, dataset_id: int) -> None:
    first = submit_job(resources, spec(dataset_id), idempotency_key="k")
    assert submit_job(resources, spec(dataset_id, priority=5), idempotency_key="k").id == first.id, "5 is the default"
    with pytest.raises(Conflict, match="another request"):
        submit_job(resources, spec(dataset_id, priority=4), idempotency_key="k")
    with pytest.raises(Invalid):
        submit_job(resources, spec(dataset_id), idempotency_key="k" * 129)


def test_a_repeated_request_gets_its_job_even_when_the_data_set_is_gone(resources: Resources, dataset_id: int) -> None:
    first = submit_job(resources, spec(dataset_id), idempotency_key="k")
    request_cancel(resources, first.id)
    delete_dataset(resources, dataset_id)
    again = submit_job(resources, spec(dataset_id), idempotency_key="k")
    assert (again.id, again.status) == (first.id, JobStatus.CANCELLED)


def test_a_batch_stores_the_good_ones_and_says_what_is_wrong_with_each_other(
    resources: Resources, dataset_id: int
) -> None:
    bodies = [spec(dataset_id), {"job_type": "X"}, spec(dataset_id, target={"column": "one"}), spec(dataset_id)]
    items = submit_batch(resources, bodies, idempotency_key="batch")
    assert [item.job is not None for item in items] == [True, False, False, True]
    assert items[2].errors[0].pointer == "/target/column"
    again = submit_batch(resources, bodies, idempotency_key="batch")
    assert [item.job and item.job.id for item in again] == [item.job and item.job.id for item in items]
    assert len(all_jobs(resources)) == 2


def test_the_errors_of_a_batch_are_limited_as_a_whole_and_each_wrong_spec_has_one(resources: Resources) -> None:
    wrong = {"job_type": "TRAIN", **{f"field_{number}": number for number in range(30)}}
    items = submit_batch(resources, [wrong] * 200)
    counts = [len(item.errors) for item in items]
    assert min(counts) == 1
    assert counts[0] > 30
    assert sum(counts) <= 1_000 + 200
    suggestions = sum("did you mean" in error.detail for item in items for error in item.errors)
    assert suggestions <= 20


def test_a_key_whose_jobs_were_forgotten_says_so(resources: Resources, dataset_id: int) -> None:
    bodies = [spec(dataset_id), {"job_type": "X"}]
    for job in (
        submit_job(resources, spec(dataset_id), idempotency_key="k"),
        submit_batch(resources, bodies, idempotency_key="b")[0].job,
    ):
        assert job is not None
        request_cancel(resources, job.id)
    with resources.database.write() as connection:
        assert forget_jobs(connection, older_than_seconds=-1.0, limit=10) >= 2
    with pytest.raises(NotFound, match="removed by retention"):
        submit_job(resources, spec(dataset_id), idempotency_key="k")
    gone, wrong = submit_batch(resources, bodies, idempotency_key="b")
    assert (gone.job, "removed by retention" in gone.errors[0].detail) == (None, True)
    assert wrong.errors[0].pointer == "/job_type"


def test_a_full_queue_refuses_and_says_when_to_come_back(resources: Resources, dataset_id: int) -> None:
    small = dataclasses.replace(resources, limits=Limits(pending_jobs=2))
    submit_job(small, spec(dataset_id))
    submit_job(small, spec(dataset_id))
    with pytest.raises(TooMany) as refused:
        submit_job(small, spec(dataset_id))
    assert refused.value.retry_after
    with pytest.raises(TooMany):
        accept_sample(small, name="data", sample="iris")
    assert len(all_jobs(resources)) == 2


def test_an_outage_behind_the_commit_does_not_deny_what_is_stored(
    resources: Resources, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(all_jobs(resources))

    def away(_self: object) -> None:
        raise Unavailable("the database is away")

    def publish(_self: object, count: int = 1) -> None:
        for name in ("read", "write"):
            monkeypatch.setattr(Database, name, away)

    for accept in (
        lambda: submit_job(resources, spec(dataset_id)),
        lambda: submit_batch(resources, [spec(dataset_id)])[0].job,
        lambda: accept_sample(resources, name="data", sample="iris"),
    ):
        with monkeypatch.context() as context:
            context.setattr(Permits, "publish", publish)
            assert accept() is not None
        monkeypatch.undo()
    assert len(all_jobs(resources)) == before + 2
    assert len(queries.list_datasets(resources, cursor=None, limit=None).items) == 2


def test_a_check_with_few_errors_is_cached_and_one_with_many_runs_again() -> None:
    cache, checked = CheckCache(), list[str]()

    def refuse(key: str, reasons: int) -> None:
        def check() -> Feasibility:
            checked.append(key)
            raise Invalid("wrong", errors=(FieldError("/x", "wrong"),) * reasons)

        with pytest.raises(Invalid) as refused:
            cache.run(key, check)
        assert len(refused.value.errors) == reasons

    for _ in range(3):
        refuse("few", 20)
        refuse("many", 21)
    assert Counter(checked) == {"few": 1, "many": 3}


@pytest.mark.parametrize(("every", "count", "one", "many"), [(2.0, 30, 2, 22), (1.2, 50, 1, 13), (30.0, 12, 50, 550)])
def test_a_full_queue_says_when_there_will_be_room_by_the_measured_rate(
    resources: Resources, dataset_id: int, every: float, count: int, one: int, many: int
) -> None:
    scenario = open_scenario(resources.database)
    for number in range(count):
        ended = scenario.job(created=5_000.0)
        scenario.start(ended, ago=4_000.0)
        scenario.end(ended, "COMPLETED", ago=number * every)
    full = dataclasses.replace(resources, limits=Limits(pending_jobs=1))
    submit_job(full, spec(dataset_id))
    with pytest.raises(TooMany) as refused:
        submit_job(full, spec(dataset_id))
    assert refused.value.retry_after == pytest.approx(one, rel=0.3, abs=1)
    with pytest.raises(TooMany) as refused:
        submit_batch(full, [spec(dataset_id)] * 11)
    assert refused.value.retry_after == pytest.approx(many, rel=0.3, abs=1)


def test_a_full_queue_of_a_fleet_that_ends_nothing_promises_nothing_soon(resources: Resources, dataset_id: int) -> None:
    full = dataclasses.replace(resources, limits=Limits(pending_jobs=1))
    submit_job(full, spec(dataset_id))
    with pytest.raises(TooMany) as refused:
        submit_job(full, spec(dataset_id))
    assert refused.value.retry_after == 60


def test_a_data_set_that_a_job_needs_cannot_be_deleted(resources: Resources, dataset_id: int) -> None:
    job = submit_job(resources, spec(dataset_id))
    with pytest.raises(Conflict, match="needs data set"):
        delete_dataset(resources, dataset_id)
    request_cancel(resources, job.id)
    delete_dataset(resources, dataset_id)
    with pytest.raises(NotFound):
        queries.get_dataset(resources, dataset_id)
    with pytest.raises(Invalid):
        submit_job(resources, spec(dataset_id))


def test_without_a_broker_jobs_are_accepted_quickly_and_the_relay_sends_their_permits_later(
    resources: Resources, dataset_id: int, tmp_path: Path
) -> None:
    redis = start_redis(tmp_path / "redis")
    permits = open_permits(redis.url, budget=1.0)
    permits.pause = 0.0
    broken = dataclasses.replace(resources, permits=permits)
    redis.stop()
    with capture_logs() as logs:
        assert submit_job(broken, spec(dataset_id)).status is JobStatus.PENDING
        eventually(lambda: any(line["event"] == "broker_away" for line in logs), what="the permit was tried in vain")
    redis.restart()
    assert permits.waiting() == 0
    with resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body={"slots": 2})
    assert relay_once(broken) == 1
    assert relay_once(broken) == 0, "one due job, one permit"
    permits.close()
    redis.stop()


def test_the_relay_never_piles_up_permits(resources: Resources, dataset_id: int) -> None:
    with resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body={"slots": 2})
    submit_job(resources, spec(dataset_id))
    eventually(lambda: resources.permits.waiting() == 2, what="the ingest's, which nobody took, and the job's")
    for _ in range(30):
        store_job(resources.database, dataset_id=dataset_id)
    for _ in range(5):
        relay_once(resources)
    assert resources.permits.waiting() == 4, "two a slot"


def test_a_cancelled_ingest_rejects_its_data_set(resources: Resources) -> None:
    dataset = accept_sample(resources, name="bc", sample="iris")
    assert dataset.job_id is not None
    request_cancel(resources, dataset.job_id)
    found = queries.get_dataset(resources, dataset.id)
    assert (found.status.value, found.reasons[0]["detail"]) == ("REJECTED", "the ingest was cancelled")


def test_a_binary_file_called_csv_is_refused_and_nothing_is_kept(resources: Resources) -> None:
    with pytest.raises(Invalid) as refused:
        store_upload(resources, "csv", [b"\x89PNG\r\n\x1a\n\0\0\0\r"])
    assert refused.value.errors[0].pointer == "/file"
    assert list(resources.storage.list_keys()) == []


def test_pages_follow_each_other_without_gap_or_overlap(resources: Resources, dataset_id: int) -> None:
    submit_batch(resources, [spec(dataset_id)] * 7)
    seen: list[int] = []
    cursor = None
    while True:
        page = queries.list_jobs(resources, job_type="TRAIN", limit=3, cursor=cursor)
        seen += [job.id for job in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7
    for wrong in ({"limit": 0}, {"limit": 10**6}, {"cursor": "x"}, {"cursor": "-1"}):
        with pytest.raises(Invalid):
            queries.list_jobs(resources, **wrong)  # type: ignore[arg-type]
