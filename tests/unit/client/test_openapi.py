"""The client and the OpenAPI document agree: every operation can be reached, and every field is there."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ml_training.client import Client
from ml_training.client.datasets import Dataset, Datasets
from ml_training.client.errors import ApiError
from ml_training.client.jobs import Job, Jobs
from ml_training.client.models import Model, Models
from ml_training.client.records import Record, field_names
from ml_training.client.results import Comparison, DriftReport, Explanation, Prediction, Study, TestResult
from ml_training.client.specs import (
    compare_spec,
    drift_spec,
    evaluation_spec,
    explain_spec,
    predict_spec,
    train_spec,
    tune_spec,
)
from ml_training.services.resources import Resources
from tests.support.api import (
    ready_dataset,
    stored_comparison,
    stored_drift_report,
    stored_explanation,
    stored_model,
    stored_prediction,
    stored_study,
    stored_test_result,
    usable_model,
)

Json = dict[str, Any]
SEARCH = {"C": {"low": 0.1, "high": 10.0}}
PREFIX = "/api/v1"
ADMIN = "for admins, who use the command line"
NOT_IN_THE_CLIENT: dict[str, str] = dict.fromkeys(
    ("POST /projects", "GET /projects", "GET /projects/{project_id}", "PATCH /projects/{project_id}"), ADMIN
) | dict.fromkeys(  # operation -> why the client does not call it
    ("GET /sign-in", "GET /sign-in/start", "GET /sign-in/callback", "DELETE /sign-in"),
    "for browsers: programs use keys",
)
RECORDS: dict[str, type[Record]] = {
    "/jobs/{job_id}": Job,
    "/datasets/{dataset_id}": Dataset,
    "/models/{model_id}": Model,
    "/test-results/{test_result_id}": TestResult,
    "/comparisons/{comparison_id}": Comparison,
    "/predictions/{prediction_id}": Prediction,
    "/studies/{study_id}": Study,
    "/explanations/{explanation_id}": Explanation,
    "/drift-reports/{drift_report_id}": DriftReport,
}


@pytest.fixture
def document(app: Flask) -> Json:
    """The document, as served."""
    found: Json = app.test_client().get("/openapi.json").get_json()
    return found


@pytest.fixture
def ids(resources: Resources) -> dict[str, int]:
    """One thing of each kind."""
    dataset_id = ready_dataset(resources)
    model_id = usable_model(resources, dataset_id=dataset_id, job_id=100, lineage={"spec": {"job_type": "TRAIN"}})
    other = usable_model(resources, dataset_id=dataset_id, job_id=103)
    return {
        "dataset": dataset_id,
        "model": model_id,
        "other": other,
        "doomed": stored_model(resources, dataset_id=dataset_id, job_id=104),
        "test_result": stored_test_result(resources, model_id=model_id, dataset_id=dataset_id, job_id=101),
        "prediction": stored_prediction(resources, model_id=model_id, dataset_id=dataset_id, job_id=105),
        "study": stored_study(resources, model_id=model_id, dataset_id=dataset_id, job_id=106),
        "explanation": stored_explanation(resources, model_id=model_id, dataset_id=dataset_id, job_id=107),
        "drift_report": stored_drift_report(resources, model_id=model_id, dataset_id=dataset_id, job_id=108),
        "comparison": stored_comparison(resources, dataset_id=dataset_id, winner_model_id=None, job_id=102),
    }


def operations(document: Json) -> dict[str, Json]:
    """Every operation as `GET /jobs`."""
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "patch", "delete", "put")
    }


def schema_of(document: Json, schema: Json) -> Json:
    """A schema with its reference resolved."""
    if "$ref" in schema:
        found: Json = document["components"]["schemas"][schema["$ref"].rsplit("/")[-1]]
        return found
    return schema


def used(client: Client, ids: dict[str, int], tmp_path: Path) -> set[str]:
    """Call every method of the client; the operations that were requested."""
    seen: list[tuple[str, str]] = []
    client.transport._http.event_hooks = {"request": [lambda request: seen.append((request.method, request.url.path))]}
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    uploaded = client.datasets.upload(tmp_path / "x.csv", wait=False)
    headers = {"Upload-Length": "1", "Upload-Metadata": "filename YS5jc3Y="}
    broken = client.transport.post("/uploads", headers=headers)
    assert client.datasets.open_uploads() == [client.transport.get(f"/uploads/{broken['id']}")]
    client.datasets.delete_upload(broken["id"])
    train: Callable[[], Job] = lambda: client.train(ids["dataset"], target="target", model_type="ridge", name="m")  # noqa: E731
    job = train()
    assert job.cancel().refresh().status == "CANCELLED"
    assert [event.kind for event in job.events()][-1] == "end"
    assert job.logs() == []
    client.jobs.list(name="m")
    assert [item["status"] for item in client.jobs.cancel_many([job.id])["items"]] == [202]
    assert client.jobs.cancel_many(status="RUNNING")["items"] == []
    retried = client.jobs.retry_many([job.id])["items"][0]
    assert retried["job_id"] > job.id
    assert client.jobs.retry_many(status="FAILED") == {"items": [], "remaining": 0}
    here = client.changes.get()
    client.jobs.cancel_many([retried["job_id"]])
    assert [item["id"] for item in client.changes.get(here.next, wait=1).items] == [retried["job_id"]]
    follower = client.changes.follow(here.next)
    assert [next(follower).reset, len(client.changes.get("1.1").items)] == [False, 0]
    assert next(client.changes.follow()).reset
    assert client.overview()["jobs"]["running"] == 0
    assert client.workers.list() == []
    with pytest.raises(ApiError, match="no worker"):
        client.workers.drain("worker@gone-1")
    client.jobs.submit_many([job.spec])
    client.datasets.samples()
    assert client.datasets.connections() == []
    with pytest.raises(ApiError, match="was uploaded"):
        client.datasets.start_refresh(ids["dataset"])
    client.model_types()
    client.live()
    client.ready()
    model = client.models.get(ids["model"]).update(tags=["eu"])
    card = model.card()
    assert card.data["id"] == model.id
    assert card.save(tmp_path).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "<iframe" in card._repr_html_()
    assert model.spec() == {"job_type": "TRAIN"}
    assert model.alias_history() == []
    model.update(aliases=["champion"])
    assert [(move["alias"], move["version"]) for move in model.alias_history()] == [("champion", model.version)]
    assert model.download(tmp_path).stat().st_size
    client.models.list(tag="eu")
    client.models.get(ids["doomed"]).delete()
    client.test(model, ids["dataset"])
    client.compare([model, ids["other"]], ids["dataset"], metric="f1")
    client.test_results.get(ids["test_result"])
    client.test_results.list()
    client.comparisons.get(ids["comparison"])
    client.comparisons.list()
    client.predict("model", rows=[{"a": 1.5}, {"a": float("nan")}])
    client.predictions.list()
    client.tune(ids["dataset"], target="target", search=SEARCH, metric="f1", name="m", model_type="logistic_regression")
    client.studies.list()
    assert client.studies.get(ids["study"]).list_trials() == []
    client.explain(model, ids["dataset"], sample_rows=100)
    client.explanations.list()
    explanation = client.explanations.get(ids["explanation"])
    assert explanation.importance == [("x", 0.25, 0.01)]
    assert "<td>0.2500</td>" in explanation._repr_html_()
    explanation.delete()
    client.drift(model, ids["dataset"], sample_rows=100)
    client.drift_reports.list()
    report = client.drift_reports.get(ids["drift_report"])
    assert report.drifted
    assert "<td>0.5000</td>" in report._repr_html_()
    report.delete()
    with pytest.raises(ApiError, match="out-of-fold"):
        model.out_of_fold()
    assert client.jobs.dry_run(job.spec)["accepted"]
    prediction = client.predictions.get(ids["prediction"])
    assert prediction.preview(1) == [{"row": 0, "prediction": True}]
    assert prediction.download(tmp_path).read_bytes() == b"row,prediction"
    prediction.delete()
    client.datasets.list(name="x")
    client.datasets.get(ids["dataset"]).preview(2)
    client.transport.get(f"/jobs/{uploaded.job_id}")
    client.transport.post(f"/jobs/{uploaded.job_id}/cancel")
    uploaded.delete()
    made = client.keys.create("nightly", role="admin")
    client.transport._http.headers["Authorization"] = f"Bearer {made['key']}"  # from the first key on
    assert [key["name"] for key in client.keys.list()] == ["nightly"]
    assert [entry["action"] for entry in client.keys.audit(limit=1)] == ["key.create"]
    client.keys.revoke(made["id"])
    return {f"{method} {path.removeprefix(PREFIX)}" for method, path in seen}


def test_every_operation_is_reached_or_has_a_reason(
    client: Client, document: Json, ids: dict[str, int], tmp_path: Path
) -> None:
    requested = used(client, ids, tmp_path)
    reached = {
        operation
        for operation in operations(document)
        if any(_matches(operation, request.replace("HEAD ", "GET ")) for request in requested)
    }
    assert set(operations(document)) - reached == set(NOT_IN_THE_CLIENT)


def _matches(operation: str, request: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation), request) is not None


def test_every_field_that_the_client_reads_exists(document: Json) -> None:
    known = operations(document)
    for path, record in RECORDS.items():
        answer = known[f"GET {path}"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(field_names(record)) <= set(schema_of(document, answer)["properties"]), record


def test_every_field_that_the_client_sends_exists(document: Json) -> None:
    specs = {
        "TRAIN": train_spec(1, target="x", model_type="ridge", name="m", params={}, features=["a"]),
        "TEST": evaluation_spec(1, 2),
        "COMPARE": compare_spec([1, 2], 3, metric="f1"),
        "TUNE": tune_spec(1, target="x", search=SEARCH, metric="f1", name="m", model_type="mlp", trials=3),
        "EXPLAIN": explain_spec(1, 2),
        "DRIFT": drift_spec(1, 2),
        "PREDICT": predict_spec("m@champion", dataset_id=1) | predict_spec(1, rows=[{"a": 1}]),
    }
    body = operations(document)["POST /jobs"]["requestBody"]["content"]["application/json"]["schema"]
    kinds = schema_of(document, body)["discriminator"]["mapping"]
    for job_type, spec in specs.items():
        assert set(spec) <= set(schema_of(document, {"$ref": kinds[job_type]})["properties"])


@pytest.mark.parametrize(
    ("operation", "method"),
    [("GET /jobs", Jobs.list), ("GET /datasets", Datasets.list), ("GET /models", Models.list)],
)
def test_every_filter_exists_and_none_is_missing(document: Json, operation: str, method: Callable[..., Any]) -> None:
    named = {item["name"] for item in operations(document)[operation]["parameters"] if item["in"] == "query"}
    assert set(inspect.signature(method).parameters) - {"self"} == named - {"cursor"}


def test_the_options_of_an_upload_are_fields_of_its_form(document: Json) -> None:
    form = operations(document)["POST /datasets"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    given = set(inspect.signature(Datasets.upload).parameters) - {"self", "data", "wait", "progress", "options"}
    assert given <= set(form["properties"])


def test_what_is_wrong_is_raised_all_at_once(client: Client, ids: dict[str, int]) -> None:
    with pytest.raises(ApiError) as caught:
        client.train(ids["dataset"], target="nope", model_type="ridge", name="m", features=["a", "zz"])
    error = caught.value
    assert (error.status, error.title) == (422, "Invalid request")
    assert [pointer for pointer, _ in error.errors] == ["/target/column", "/features/1"]
    assert error.remedy
    assert "/target/column: " in str(error)
