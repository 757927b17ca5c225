"""An explanation from the spec to what its users read, on both databases; what cannot be explained is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.db.invariants import broken_rows
from ml_training.db.stats import Stats
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.predictions import add, customers, run, submit, train


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def pointers(answer: tuple[int, Any]) -> list[str]:
    """Where the errors of a refused submission are."""
    assert answer[0] == 422, answer
    return [error["pointer"] for error in answer[1]["errors"]]


def test_a_model_is_explained_and_the_explanation_is_deleted(service: InProcessService) -> None:
    dataset_id = add(service, customers(600))
    model_id = train(service, dataset_id)
    job = run(service, job_type="EXPLAIN", model_id=model_id, dataset_id=dataset_id, sample_rows=500)
    explanation_id = job["result"]["explanation_id"]
    shown = service.get(f"/explanations/{explanation_id}")
    assert shown["row_counts"] == {"explained": 500, "labelled": 600, "dropped": 0}
    assert [item["id"] for item in service.get("/explanations")["items"]] == [explanation_id]
    most = [item["feature"] for item in shown["permutation_importance"]["features"][:3]]
    assert set(most) == {"age", "spend", "plan"}, "the three columns that the target is made of"
    assert {(column["column"], column["role"]) for column in shown["slices"]} == {
        ("stage", "phase"),
        ("shop", "group"),
        ("plan", "column"),
        ("vip", "column"),
    }
    assert shown["lineage"]["spec"]["sample_rows"] == 500
    again = run(service, job_type="EXPLAIN", model_id=model_id, dataset_id=dataset_id, sample_rows=500)
    other = service.get(f"/explanations/{again['result']['explanation_id']}")
    own = {"id", "job_id", "created_at"}
    assert {k: v for k, v in other.items() if k not in own} == {k: v for k, v in shown.items() if k not in own}
    assert service.client.delete(f"{PREFIX}/explanations/{explanation_id}").status_code == 204
    assert service.ask(f"/explanations/{explanation_id}")[0] == 404
    assert service.client.delete(f"{PREFIX}/explanations/{explanation_id}").status_code == 404
    with service.resources.database.read() as connection:
        assert not list(broken_rows(connection))


def test_what_cannot_be_explained_is_refused_with_every_reason(service: InProcessService) -> None:
    frame = customers(200)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id)
    without = add(service, frame.drop(columns=["plan", "left"]), name="without")
    job = {"job_type": "EXPLAIN", "model_id": model_id, "dataset_id": dataset_id}
    before = service.get("/jobs")["items"]
    assert pointers(submit(service, **job, metric="rmse", phases=[9])) == ["/phases/0", "/metric"]
    assert pointers(submit(service, **job, sample_rows=0, costs={"false_positive": -1})) == [
        "/sample_rows",
        "/costs/false_positive",
        "/costs/false_negative",
    ]
    assert pointers(submit(service, **{**job, "dataset_id": without})) == ["/model_id", "/model_id"]
    assert pointers(submit(service, **{**job, "model_id": 99})) == ["/model_id"]
    assert service.get("/jobs")["items"] == before
    answer = service.client.post(f"{PREFIX}/jobs?dry_run=true", json=job)
    assert json.loads(answer.data)["estimate"]["memory_bytes"] > 0


def test_rows_are_compared_with_the_training_rows(service: InProcessService) -> None:
    frame = customers(600)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id)
    older = add(service, frame.assign(age=frame["age"] + 40, plan="z"), name="older")
    job = run(service, job_type="DRIFT", model_id=model_id, dataset_id=older)
    report_id = job["result"]["drift_report_id"]
    shown = service.get(f"/drift-reports/{report_id}")
    assert shown["drifted"]
    assert shown["by_time"]
    by_name = {item["feature"]: item for item in shown["features"]}
    assert by_name["age"]["wasserstein"] == pytest.approx(40, abs=3)
    assert by_name["plan"]["unseen_share"] > 0.8
    assert [item["id"] for item in service.get("/drift-reports")["items"]] == [report_id]
    with service.resources.database.read() as connection:
        [row] = [one for one in Stats(connection).shown_models(newest=10, aliased=10) if one.id == model_id]
        assert row.drift == shown["judged_psi"] > 0
        assert not list(broken_rows(connection))
    few = add(service, customers(20, seed=2), name="few")
    chance = run(service, job_type="DRIFT", model_id=model_id, dataset_id=few)["result"]["drift_report_id"]
    assert service.get(f"/drift-reports/{chance}")["weighted_psi"] > 0.25
    with service.resources.database.read() as connection:
        [row] = [one for one in Stats(connection).shown_models(newest=10, aliased=10) if one.id == model_id]
        assert row.drift == 0, "20 rows are far from any others by chance"
    narrow = {"start": "2030-01-01T00:00:00Z"}
    assert pointers(submit(service, job_type="DRIFT", model_id=model_id, dataset_id=older, **narrow)) == ["/start"]
    again = submit(service, job_type="DRIFT", model_id=model_id, dataset_id=older)
    service.work()
    assert service.client.delete(f"{PREFIX}/datasets/{dataset_id}").status_code == 204
    answer = submit(service, job_type="DRIFT", model_id=model_id, dataset_id=older)
    assert pointers(answer) == ["/model_id"]
    assert "add its file again" in answer[1]["errors"][0]["detail"]
    assert service.get(f"/jobs/{again[1]['id']}")["status"] == "COMPLETED"
    assert service.client.delete(f"{PREFIX}/drift-reports/{report_id}").status_code == 204
    assert service.ask(f"/drift-reports/{report_id}")[0] == 404
