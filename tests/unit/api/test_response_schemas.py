"""What is shown of a record is what the document promises, and always JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ml_training.api import response_schemas, results
from ml_training.api.response_schemas import ResponseSchema, rfc3339
from ml_training.api.responses import json_response, json_text
from ml_training.domain import records
from ml_training.domain.records import Comparison, Dataset, Job, JobError, JobEvent, Model
from ml_training.domain.sample_datasets import SAMPLES
from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.services.queries import Page

JOB = Job(
    project_id=1,
    id=7,
    job_type=JobType.TRAIN,
    model_type="lightgbm",
    status=JobStatus.PENDING,
    spec={"job_type": "TRAIN"},
    dataset_id=1,
    priority=5,
    attempt=0,
    cancel_requested=False,
    max_runtime_seconds=60.0,
    runtime_seconds=0.0,
    progress=0.0,
    progress_message="",
    eta_seconds=None,
    features_count=None,
    phases_count=0,
    created_at=1000.25,
    run_after=1000.25,
    attempt_started_at=None,
    started_at=None,
    finished_at=None,
    worker=None,
    error=None,
    result_id=None,
)
DATASET = Dataset(
    id=1,
    name="data",
    version=2,
    status=DatasetStatus.REJECTED,
    file_format="csv",
    time_column="t",
    phase_column=None,
    group_column=None,
    raw_key="uploads/x",
    raw_sha256="0" * 64,
    raw_bytes=10,
    index_key=None,
    index_sha256=None,
    index_bytes=0,
    rows=None,
    columns=None,
    profile=None,
    reasons=({"row": 3, "column": "t", "detail": "no time"},),
    job_id=9,
    created_at=0.0,
    deleted_at=None,
)
MODEL = Model(
    id=3,
    name="m",
    version=1,
    model_type="ridge",
    task="regression",
    job_id=7,
    attempt=2,
    dataset_id=1,
    dataset_sha256="0" * 64,
    artifact_key="artifacts/x",
    artifact_sha256="1" * 64,
    artifact_bytes=5,
    scores={},
    details={"features": []},
    lineage={"seed": 1},
    train_accuracy=None,
    test_accuracy=None,
    created_at=0.0,
    deleted_at=None,
    description="the first",
    tags=("eu",),
    aliases=("champion",),
)
TEST_RESULT = records.TestResult(
    id=4,
    job_id=8,
    attempt=1,
    model_id=3,
    dataset_id=1,
    rows=10,
    scores={"rmse": 1.5, "r2": None},
    overlap=True,
    degradation={},
    overfitted=None,
    accuracy=None,
    details={},
    created_at=0.0,
)
LINE = JobEvent(job_id=7, seq=3, attempt=1, kind="log", body={"line": "a\nb"}, at=1000.5)
COMPARISON = Comparison(
    id=5,
    job_id=9,
    attempt=1,
    dataset_id=1,
    metric="rmse",
    rows=10,
    winner_model_id=None,
    ranking=({"model_id": 3},),
    significance={},
    created_at=0.0,
)


def shown(schema: type[ResponseSchema], record: object) -> dict[str, Any]:
    """A record as clients see it."""
    found: dict[str, Any] = json.loads(json_response(schema.from_record(record)).data)
    return found


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        (response_schemas.Job, JOB),
        (response_schemas.Dataset, DATASET),
        (response_schemas.DatasetSummary, DATASET),
        (response_schemas.Model, MODEL),
        (response_schemas.ModelSummary, MODEL),
        (results.TestResult, TEST_RESULT),
        (results.TestResultSummary, TEST_RESULT),
        (results.Comparison, COMPARISON),
        (response_schemas.LogLine, LINE),
        *((response_schemas.Sample, sample) for sample in SAMPLES.values()),
        (response_schemas.JobPage, Page([JOB, JOB], "7")),
        (response_schemas.ModelPage, Page([], None)),
    ],
)
def test_every_record_is_shown_exactly_as_documented(schema: type[ResponseSchema], record: object) -> None:
    body = shown(schema, record)
    Draft202012Validator(schema.model_json_schema(mode="serialization")).validate(body)
    assert list(body) == list(schema.model_fields)


@pytest.mark.parametrize(
    ("schema", "record"),
    [(response_schemas.Dataset, DATASET), (response_schemas.Model, MODEL), (response_schemas.Job, JOB)],
)
def test_where_bytes_are_stored_is_never_shown(schema: type[ResponseSchema], record: object) -> None:
    body = shown(schema, record)
    assert "uploads/" not in json.dumps(body)
    assert "artifacts/" not in json.dumps(body)
    assert not {"raw_key", "index_key", "artifact_key"} & set(body)


def test_fields_with_another_name_in_the_record_are_shown() -> None:
    dataset = shown(response_schemas.Dataset, DATASET)
    assert (dataset["bytes"], dataset["sha256"]) == (DATASET.raw_bytes, DATASET.raw_sha256)
    assert shown(response_schemas.LogLine, LINE)["line"] == "a\nb"
    assert shown(response_schemas.Sample, SAMPLES["iris"])["sample"] == "iris"


@pytest.mark.parametrize(
    ("job_type", "name"),
    [("TRAIN", "model_id"), ("TEST", "test_result_id"), ("COMPARE", "comparison_id"), ("INGEST", "dataset_id")],
)
def test_the_result_of_a_completed_job_is_named_by_its_type(job_type: str, name: str) -> None:
    done = replace(JOB, job_type=JobType(job_type), status=JobStatus.COMPLETED, result_id=11)
    assert shown(response_schemas.Job, done)["result"] == {name: 11}
    running = replace(done, status=JobStatus.RUNNING, result_id=None)
    assert shown(response_schemas.Job, running)["result"] is None


def test_a_failed_job_says_why() -> None:
    failed = replace(JOB, status=JobStatus.FAILED, error=JobError("timeout", "too slow", "give it more time"))
    error = shown(response_schemas.Job, failed)["error"]
    assert error == {"code": "timeout", "message": "too slow", "hint": "give it more time"}
    assert shown(response_schemas.Job, JOB)["error"] is None


def test_times_are_rfc_3339_utc_with_microseconds() -> None:
    assert rfc3339(1_767_268_800.25) == "2026-01-01T12:00:00.250000Z"
    started = shown(response_schemas.Job, replace(JOB, started_at=1001.0))
    assert started["queue_wait_seconds"] == 0.75
    assert started["started_at"] == "1970-01-01T00:16:41.000000Z"
    assert started["finished_at"] is None


def test_what_is_not_json_is_never_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_response({"score": float("nan")})
    with pytest.raises(ValueError, match="finite number"):
        response_schemas.Model.from_record(replace(MODEL, test_accuracy=float("nan")))


def test_text_is_sent_as_utf8_and_on_one_line() -> None:
    text = json_text(response_schemas.LogLine.from_record(replace(LINE, body={"line": "schließt \u2028\r\n ab"})))
    assert text == ('{"seq":3,"attempt":1,"at":"1970-01-01T00:16:40.500000Z","line":"schließt \u2028\\r\\n ab"}')
