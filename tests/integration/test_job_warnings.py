"""Warnings go the whole way: from the data to the answer, the job's row and the model; ids are left out and told."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from ml_training.db import jobs
from ml_training.db.tables import models
from ml_training.domain.specs import fingerprint, parse_spec, spec_json
from tests.support.in_process_service import InProcessService

ROWS = 200


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


@pytest.fixture
def dataset_id(service: InProcessService) -> int:
    """Row numbers, a feature, a constant and a target."""
    random = np.random.default_rng(1)
    x = random.normal(size=ROWS)
    y = np.where(x + random.normal(size=ROWS) > 0, "yes", "no")
    lines = ["rownames,x,c,y", *(f"{n + 1},{x[n]:.6f},1,{y[n]}" for n in range(ROWS))]
    found = service.upload("\n".join(lines).encode(), {"name": "sorted"})
    assert found["status"] == "READY", found
    return int(found["id"])


def spec_of(dataset_id: int, **fields: Any) -> dict[str, Any]:
    spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": dataset_id}
    return {**spec, "target": {"column": "y"}, "params": {"n_estimators": 5}, **fields}


def submit(service: InProcessService, spec: Mapping[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    status, _, data = service.post(json.dumps(spec).encode(), {"Content-Type": "application/json", **headers})
    return status, json.loads(data)


def trained(service: InProcessService, spec: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The job when it has ended, and its model."""
    status, job = submit(service, spec)
    assert status == 202, job
    service.work()
    job = service.get(f"/jobs/{job['id']}")
    assert job["status"] == "COMPLETED", job
    return job, service.get(f"/models/{job['result']['model_id']}")


def test_warnings_are_in_the_answer_the_job_and_the_model(service: InProcessService, dataset_id: int) -> None:
    status, answer = submit(service, spec_of(dataset_id))
    assert status == 202
    assert [(warning["code"], warning["pointer"]) for warning in answer["warnings"]] == [
        ("id_feature", "/features"),
        ("constant_feature", "/features"),
    ]
    assert answer["spec"]["exclude_features"] == ["rownames"], "the spec says what runs"
    service.work()
    job = service.get(f"/jobs/{answer['id']}")
    assert (job["status"], job["warnings"]) == ("COMPLETED", answer["warnings"])
    model = service.get(f"/models/{job['result']['model_id']}")
    assert model["details"]["warnings"] == answer["warnings"]
    assert [feature["name"] for feature in model["details"]["features"]] == ["x"]
    assert service.get("/jobs")["items"][0]["warnings"] == answer["warnings"]
    assert service.violations() == []


def test_the_same_request_is_the_same_job_with_and_without_a_cached_check(
    service: InProcessService, dataset_id: int
) -> None:
    for key in ("first", "second"):
        answers = [submit(service, spec_of(dataset_id), **{"Idempotency-Key": key}) for _ in range(2)]
        assert answers[0] == answers[1]
        assert len(answers[0][1]["warnings"]) == 2


def test_what_is_fingerprinted_is_the_request_as_it_was_before_there_were_warnings() -> None:
    spec, _ = parse_spec(spec_of(1), max_runtime_seconds=60)
    assert spec is not None
    assert fingerprint(spec_json(spec)) == "3c7523a90cb20448a315488fa07b6e78155b45e3293c4f4d8e1f428e7d8f402b"


def test_an_explicit_list_is_obeyed(service: InProcessService, dataset_id: int) -> None:
    job, model = trained(service, spec_of(dataset_id, features=["rownames", "x"]))
    assert [(warning["code"], warning["pointer"]) for warning in job["warnings"]] == [("id_feature", "/features/0")]
    assert [feature["name"] for feature in model["details"]["features"]] == ["rownames", "x"]


def test_refuse_answers_422_with_every_open_warning(service: InProcessService, dataset_id: int) -> None:
    status, answer = submit(service, spec_of(dataset_id, leakage="refuse", features=["rownames", "c", "x"]))
    assert status == 422
    assert [error["pointer"] for error in answer["errors"]] == ["/features/0", "/features/1"]
    assert answer["errors"][0]["detail"].startswith("id_feature: column 'rownames' holds row numbers")
    status, answer = submit(service, spec_of(dataset_id, leakage="refuse"))
    assert (status, answer["spec"]["leakage"]) == (202, "refuse")


def test_each_job_of_a_batch_has_its_own_warnings(service: InProcessService, dataset_id: int) -> None:
    specs = [spec_of(dataset_id), spec_of(dataset_id, features=["x"]), spec_of(dataset_id, features=["c", "x"])]
    body = json.dumps({"jobs": specs}).encode()
    answer = service.client.post("/api/v1/jobs/batch", data=body, content_type="application/json")
    codes = [[w["code"] for w in item["job"]["warnings"]] for item in answer.get_json()["items"]]
    assert codes == [["id_feature", "constant_feature"], [], ["constant_feature"]]


def test_the_spec_of_a_model_trains_the_same_bytes_also_of_one_from_before_ids_were_left_out(
    service: InProcessService, dataset_id: int
) -> None:
    for spec in (spec_of(dataset_id), spec_of(dataset_id, features=["rownames", "x"])):
        _, model = trained(service, spec)
        again = service.get(f"/models/{model['id']}/spec")
        assert trained(service, again)[1]["artifact_sha256"] == model["artifact_sha256"]
    # The second model as the version before this one stored it: auto took every column.
    with service.resources.database.write() as connection:
        row = connection.execute(select(models).where(models.c.id == model["id"])).mappings().one()
        lineage = {**row["lineage"], "spec": {**row["lineage"]["spec"], "features": "auto"}}
        details = {key: value for key, value in row["details"].items() if key != "warnings"}
        connection.execute(update(models).where(models.c.id == model["id"]).values(lineage=lineage, details=details))
    old = service.get(f"/models/{model['id']}/spec")
    assert trained(service, old)[1]["artifact_sha256"] == model["artifact_sha256"]


def test_a_job_that_waits_since_before_ids_were_left_out_runs_as_it_was_accepted(
    service: InProcessService, dataset_id: int
) -> None:
    """The worker obeys the stored spec: only a submission leaves out columns."""
    spec, _ = parse_spec(spec_of(dataset_id), max_runtime_seconds=60)
    assert spec is not None
    with service.resources.database.write() as connection:
        job_id = jobs.insert_job(
            connection,
            job_type="TRAIN",
            model_type="lightgbm",
            spec=spec_json(spec),
            dataset_id=dataset_id,
            priority=5,
            max_runtime_seconds=60.0,
            phases_count=0,
        )
    service.work()
    job = service.get(f"/jobs/{job_id}")
    assert (job["status"], job["warnings"]) == ("COMPLETED", [])
    model = service.get(f"/models/{job['result']['model_id']}")
    assert [feature["name"] for feature in model["details"]["features"]] == ["rownames", "x"]
