"""A dry run says what a submission would, and stores nothing."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, text

from ml_training.db import heartbeats
from ml_training.db.tables import jobs, metadata
from tests.support.in_process_service import InProcessService

ROWS = 200
SPEC = {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": 1, "target": {"column": "y"}}


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """With one data set: row numbers, a feature, and a target of three classes."""
    with InProcessService(tmp_path / "data", database_url) as service:
        x = np.random.default_rng(1).normal(size=ROWS)
        lines = ["n,x,y", *(f"{n},{value:.6f},c{n % 3}" for n, value in enumerate(x))]
        assert service.upload("\n".join(lines).encode(), {"name": "data"})["status"] == "READY"
        yield service


def post(service: InProcessService, spec: Any, query: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    answer = service.client.post(f"/api/v1/jobs{query}", json=spec, headers=headers)
    return answer.status_code, answer.get_json()


def counts(service: InProcessService) -> dict[str, int]:
    """The rows of every table."""
    with service.resources.database.read() as connection:
        return {
            table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in metadata.sorted_tables
        }


def test_a_job_that_would_be_accepted_is_described_and_nothing_is_stored(service: InProcessService) -> None:
    before = counts(service)
    status, found = post(service, SPEC, "?dry_run=true", **{"Idempotency-Key": "k"})
    assert status == 200
    assert found == {
        "accepted": True,
        "warnings": found["warnings"],
        "rows": ROWS,
        "folds": 1,
        "purged": 0,
        "features": 1,
        "classes": 3,
        "estimate": {"memory_bytes": found["estimate"]["memory_bytes"], "seconds": None, "starts_in_seconds": None},
    }
    assert 10_000_000 < found["estimate"]["memory_bytes"] < 40_000_000, "hardly more than any job takes"
    assert [warning["code"] for warning in found["warnings"]] == ["id_feature"]
    assert counts(service) == before
    status, job = post(service, SPEC, "?dry_run=false", **{"Idempotency-Key": "k"})
    assert (status, job["warnings"]) == (202, found["warnings"])


@pytest.mark.parametrize(
    "change",
    [{"target": {"column": "nothing"}}, {"params": {"alpha": -1.0}}, {"dataset_id": 99}, {"job_type": "DREAM"}],
)
def test_a_job_that_would_be_refused_gets_the_same_answer(service: InProcessService, change: dict[str, Any]) -> None:
    wrong = {**SPEC, **change}
    asked, submitted = post(service, wrong, "?dry_run=true"), post(service, wrong)
    for _, body in (asked, submitted):
        body.pop("request_id", None)
    assert asked == submitted
    assert asked[0] == 422


def test_a_deleted_data_set_is_noticed_although_the_check_is_cached(service: InProcessService) -> None:
    assert post(service, SPEC, "?dry_run=true")[0] == 200
    assert service.client.delete("/api/v1/datasets/1").status_code == 204
    assert post(service, SPEC, "?dry_run=true")[0] == 422


def test_the_time_is_that_of_equal_jobs_and_of_no_others(service: InProcessService) -> None:
    for seed in (1, 2, 3):
        assert post(service, {**SPEC, "random_state": seed})[0] == 202
    service.work()
    with service.resources.database.read() as connection:
        took = connection.execute(select(jobs.c.runtime_seconds).where(jobs.c.job_type == "TRAIN")).scalars().all()
    assert len(took) == 3
    assert post(service, SPEC, "?dry_run=true")[1]["estimate"]["seconds"] == statistics.median(took) > 0
    other = {**SPEC, "params": {"alpha": 9.0}}
    assert post(service, other, "?dry_run=true")[1]["estimate"]["seconds"] is None


def beat(service: InProcessService, slots: int) -> None:
    with service.resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body={"slots": slots})


def test_the_start_is_now_with_a_free_slot_and_unknown_without_a_worker_or_a_rate(service: InProcessService) -> None:
    def starts_in(**more: Any) -> float | None:
        found: float | None = post(service, {**SPEC, **more}, "?dry_run=true")[1]["estimate"]["starts_in_seconds"]
        return found

    assert starts_in() is None, "no worker"
    beat(service, 1)
    assert starts_in() == 0.0
    assert post(service, SPEC)[0] == 202
    assert starts_in() is None, "one waits, and nothing has ended yet"
    assert starts_in(priority=1) == 0.0, "before the one that waits"
    beat(service, 2)
    assert starts_in() == 0.0
    for seed in range(12):
        assert post(service, {**SPEC, "random_state": seed})[0] == 202
    service.work()
    beat(service, 1)
    assert post(service, SPEC)[0] == 202
    found = starts_in()
    assert found is not None
    assert 0 < found < 60


def test_test_and_compare_are_described_too(service: InProcessService) -> None:
    for _ in range(2):
        assert post(service, SPEC)[0] == 202
    service.work()
    for spec in (
        {"job_type": "TEST", "model_id": 1, "dataset_id": 1},
        {"job_type": "COMPARE", "model_ids": [1, 2], "dataset_id": 1, "metric": "f1"},
    ):
        status, found = post(service, spec, "?dry_run=true")
        assert status == 200
        assert (found["rows"], found["folds"], found["features"], found["classes"]) == (ROWS, None, 1, 3)
        assert 10_000_000 < found["estimate"]["memory_bytes"] < 60_000_000


def test_a_full_queue_answers_as_it_would(service: InProcessService) -> None:
    with service.resources.database.write() as connection:
        connection.execute(
            text("INSERT INTO project_counters (project_id, pending, running, stored_bytes) VALUES (9, 10000, 0, 0)")
        )
    assert post(service, SPEC, "?dry_run=true")[0] == post(service, SPEC)[0] == 429


def test_a_wrong_value_is_refused(service: InProcessService) -> None:
    status, found = post(service, SPEC, "?dry_run=maybe")
    assert (status, found["errors"]) == (422, [{"pointer": "/dry_run", "detail": "must be true or false"}])
