"""What is shown of a record is what the document promises, and always JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ml_training.api import render, schemas
from ml_training.api.respond import reply
from ml_training.domain import records
from ml_training.domain.records import Comparison, Dataset, Job, JobError, JobEvent, Model
from ml_training.domain.sample_datasets import SAMPLES
from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus, JobStatus

JOB = Job(
    id=7, job_type=JobType.TRAIN, model_type="lightgbm", status=JobStatus.PENDING, spec={"job_type": "TRAIN"},
    dataset_id=1, priority=5, attempt=0, cancel_requested=False, max_runtime_seconds=60.0, runtime_seconds=0.0,
    progress=0.0, progress_message="", eta_seconds=None, features_count=None, phases_count=0, created_at=1000.25,
    run_after=1000.25, attempt_started_at=None, started_at=None, finished_at=None, worker=None, error=None,
    result_id=None,
)  # fmt: skip
DATASET = Dataset(
    id=1, name="data", version=2, status=DatasetStatus.REJECTED, file_format="csv", time_column="t", phase_column=None,
    group_column=None, raw_key="uploads/x", raw_sha256="0" * 64, raw_bytes=10, index_key=None, index_sha256=None,
    index_bytes=0, rows=None, columns=None, profile=None, reasons=({"row": 3, "column": "t", "detail": "no time"},),
    job_id=9, created_at=0.0, deleted_at=None,
)  # fmt: skip
MODEL = Model(
    id=3, name="m", version=1, model_type="ridge", task="regression", job_id=7, attempt=2, dataset_id=1,
    dataset_sha256="0" * 64, artifact_key="artifacts/x", artifact_sha256="1" * 64, artifact_bytes=5, scores={},
    details={"features": []}, lineage={"seed": 1}, train_accuracy=None, test_accuracy=None, created_at=0.0,
    deleted_at=None, description="the first", tags=("eu",), aliases=("champion",),
)  # fmt: skip
TEST_RESULT = records.TestResult(
    id=4, job_id=8, attempt=1, model_id=3, dataset_id=1, rows=10, scores={"rmse": 1.5, "r2": None}, overlap=True,
    degradation={}, overfitted=None, accuracy=None, details={}, created_at=0.0,
)  # fmt: skip
LINE = JobEvent(job_id=7, seq=3, attempt=1, kind="log", body={"line": "a\nb"}, at=1000.5)
COMPARISON = Comparison(
    id=5, job_id=9, attempt=1, dataset_id=1, metric="rmse", rows=10, winner_model_id=None, ranking=({"model_id": 3},),
    significance={}, created_at=0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "schema"),
    [
        (render.job(JOB), schemas.Job),
        (render.dataset(DATASET), schemas.Dataset),
        (render.dataset_summary(DATASET), schemas.DatasetSummary),
        (render.model(MODEL), schemas.Model),
        (render.model_summary(MODEL), schemas.ModelSummary),
        (render.test_result(TEST_RESULT), schemas.TestResult),
        (render.test_result_summary(TEST_RESULT), schemas.TestResultSummary),
        (render.comparison(COMPARISON), schemas.Comparison),
        (render.log_line(LINE), schemas.LogLine),
        *((render.sample(sample), schemas.Sample) for sample in SAMPLES.values()),
    ],
)
def test_every_record_is_shown_exactly_as_documented(shown: dict[str, Any], schema: type[schemas.Schema]) -> None:
    schema.model_validate_json(reply(shown).data)
    assert set(shown) == set(schema.model_fields)


@pytest.mark.parametrize("shown", [render.dataset(DATASET), render.model(MODEL), render.job(JOB)])
def test_where_bytes_are_stored_is_never_shown(shown: dict[str, Any]) -> None:
    assert "uploads/" not in json.dumps(shown)
    assert "artifacts/" not in json.dumps(shown)
    assert not {"raw_key", "index_key", "artifact_key"} & set(shown)


@pytest.mark.parametrize(
    ("job_type", "name"),
    [("TRAIN", "model_id"), ("TEST", "test_result_id"), ("COMPARE", "comparison_id"), ("INGEST", "dataset_id")],
)
def test_the_result_of_a_completed_job_is_named_by_its_type(job_type: str, name: str) -> None:
    done = replace(JOB, job_type=JobType(job_type), status=JobStatus.COMPLETED, result_id=11)
    assert render.job(done)["result"] == {name: 11}
    assert render.job(replace(done, status=JobStatus.RUNNING, result_id=None))["result"] is None


def test_a_failed_job_says_why() -> None:
    failed = replace(JOB, status=JobStatus.FAILED, error=JobError("timeout", "too slow", "give it more time"))
    assert render.job(failed)["error"] == {"code": "timeout", "message": "too slow", "hint": "give it more time"}
    assert render.job(JOB)["error"] is None


def test_times_are_rfc_3339_utc_with_microseconds() -> None:
    assert render.rfc3339(1_767_268_800.25) == "2026-01-01T12:00:00.250000Z"
    assert render.job(replace(JOB, started_at=1001.0))["queue_wait_seconds"] == 0.75
    assert render.maybe_rfc3339(None) is None


def test_what_is_not_json_is_never_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        reply({"score": float("nan")})
