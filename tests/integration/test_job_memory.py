"""A job that would not fit into the memory of a slot is refused at the door, with what would fit."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.db import heartbeats
from ml_training.services.slots import Slot
from tests.support.in_process_service import InProcessService

MEGABYTE = 1_000_000
FOREST = {
    "job_type": "TRAIN",
    "model_name": "m",
    "model_type": "random_forest",
    "dataset_id": 1,
    "target": {"column": "y"},
}


@pytest.fixture
def service(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessService]:
    """With 20,000 rows of 1,000 classes that nothing tells apart: 500 KB."""
    monkeypatch.setattr("ml_training.services.slots.KEPT_SECONDS", 0.0)
    with InProcessService(tmp_path / "data", database_url) as service:
        values = np.random.default_rng(1).normal(size=(20_000, 2))
        lines = ["a,b,y", *(f"{a:.6f},{b:.6f},c{n % 1_000}" for n, (a, b) in enumerate(values))]
        assert service.upload("\n".join(lines).encode(), {"name": "data"})["status"] == "READY"
        yield service


def submit(service: InProcessService, spec: dict[str, Any], query: str = "") -> tuple[int, dict[str, Any]]:
    answer = service.client.post(f"/api/v1/jobs{query}", json=spec)
    return answer.status_code, answer.get_json()


def beat(service: InProcessService, name: str, megabytes: int, **more: Any) -> None:
    body = {"slots": 2, "job_memory_bytes": megabytes * MEGABYTE, "threads": 2, **more}
    with service.resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process=name, kind="worker", body=body)


def test_a_forest_with_all_defaults_on_a_thousand_classes_is_refused_with_what_fits(service: InProcessService) -> None:
    beat(service, "worker@a-1", 3_000)
    status, refused = submit(service, FOREST)
    assert status == 422, refused
    [error] = refused["errors"]
    assert error["pointer"] == "/params"
    assert "the smallest slot of the workers has 3,000 MB" in error["detail"]
    assert "fewer rows, features or classes of the target" in error["detail"]
    found = re.findall(r"(\w+) of at most ([\d,]+)", error["detail"])
    fits = {name: int(text.replace(",", "")) for name, text in found}
    assert set(fits) == {"max_leaf_nodes", "max_depth", "n_estimators"}
    for name, value in fits.items():
        status, answer = submit(service, {**FOREST, "params": {name: value}}, "?dry_run=true")
        assert status == 200, answer
        assert (needed := answer["estimate"]["memory_bytes"]) <= 3_000 * MEGABYTE
        status, job = submit(service, {**FOREST, "params": {name: value}})
        assert (status, job["memory_bytes"]) == (202, needed), "the answer of an accepted job says it too"
        status, answer = submit(service, {**FOREST, "params": {name: value + 1}}, "?dry_run=true")
        assert status == 422, "the largest value that fits is named"


def test_every_job_fits_into_the_smallest_slot_since_any_worker_may_claim_it(service: InProcessService) -> None:
    spec = {**FOREST, "params": {"n_estimators": 4}}
    beat(service, "worker@large-1", 30_000)
    assert submit(service, spec, "?dry_run=true")[0] == 200
    beat(service, "worker@small-1", 400)
    status, refused = submit(service, spec)
    assert status == 422
    assert "400 MB" in refused["errors"][0]["detail"]
    with service.resources.database.write() as connection:  # it takes no more jobs
        heartbeats.mark_draining(connection, "worker@small-1")
    assert submit(service, spec, "?dry_run=true")[0] == 200


def test_a_worker_that_does_not_say_how_large_its_slots_are_does_not_count(service: InProcessService) -> None:
    with service.resources.database.write() as connection:  # of an older version of the service
        heartbeats.write_heartbeat(connection, process="worker@old-1", kind="worker", body={"slots": 2})
    beat(service, "worker@new-1", 400)
    assert submit(service, FOREST)[0] == 422


def test_without_a_worker_the_settings_say_how_large_a_slot_is(service: InProcessService) -> None:
    slots = service.resources.slots  # those of every request too
    slots.configured, slots._until = Slot(400 * MEGABYTE, 2), 0.0
    status, refused = submit(service, FOREST)
    assert (status, refused["errors"][0]["pointer"]) == (422, "/params")
    slots.configured, slots._until = None, 0.0
    assert submit(service, FOREST, "?dry_run=true")[0] == 200


def test_a_batch_refuses_the_large_ones_only(service: InProcessService) -> None:
    beat(service, "worker@a-1", 1_000)
    small = {**FOREST, "params": {"n_estimators": 1, "max_depth": 3}}
    answer = service.client.post("/api/v1/jobs/batch", json={"jobs": [small, FOREST, small]})
    items = answer.get_json()["items"]
    assert [item["status"] for item in items] == [202, 422, 202]
    needed = items[0]["job"]["memory_bytes"]
    assert 0 < needed < 1_000 * MEGABYTE
    for made in service.client.get("/api/v1/jobs?job_type=TRAIN").get_json()["items"]:
        assert made["memory_bytes"] == needed, "the lists say it as the answer did"
    [ingest] = service.client.get("/api/v1/jobs?job_type=INGEST").get_json()["items"]
    assert ingest["memory_bytes"] is None


@pytest.mark.slow
def test_a_model_that_is_too_large_for_a_slot_is_neither_tested_nor_compared_nor_used(
    service: InProcessService,
) -> None:
    beat(service, "worker@a-1", 2_000)
    params = {"n_estimators": 1, "max_depth": 3}
    assert submit(service, {**FOREST, "params": params})[0] == 202
    assert submit(service, {**FOREST, "params": {**params, "max_depth": 4}})[0] == 202
    assert service.work() == 2
    unpacked = service.get("/models/1")["details"]["unpacked_bytes"]
    assert 16 * 1_000 * 8 / 2 < unpacked < 1_000_000
    jobs: list[tuple[str, dict[str, Any]]] = [
        ("/model_id", {"job_type": "TEST", "model_id": 1, "dataset_id": 1}),
        ("/model_ids", {"job_type": "COMPARE", "model_ids": [1, 2], "dataset_id": 1, "metric": "accuracy"}),
        ("/model_id", {"job_type": "PREDICT", "model_id": 1, "dataset_id": 1}),
        ("/model_id", {"job_type": "PREDICT", "model_id": 1, "rows": [{"a": 1.0, "b": 2.0}]}),
    ]
    for _, spec in jobs:
        status, answer = submit(service, spec, "?dry_run=true")
        assert status == 200, answer
    beat(service, "worker@a-1", 10)
    for pointer, spec in jobs:
        status, answer = submit(service, spec, "?dry_run=true")
        assert (status, answer["errors"][0]["pointer"]) == (422, pointer)
        assert "10 MB" in answer["errors"][0]["detail"]
