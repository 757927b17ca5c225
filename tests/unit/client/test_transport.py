"""What the client repeats, what it never repeats, and how it says that nobody answers."""

import hashlib
from pathlib import Path

import pytest

from ml_training.client import ApiError, Client, DatasetRejected, JobCancelled, JobFailed, Unreachable, UsageError
from ml_training.client.transport import Transport
from ml_training.client.waiting import WaitTooLong
from ml_training.domain.variables import SettingsError
from ml_training.local.ports import free_port
from tests.support.command_line import job_document
from tests.support.json_server import JsonServer

AWAY = {"title": "Service unavailable", "status": 503, "detail": "the database is away"}
EMPTY = {"items": [], "next_cursor": None}
DATASET = {"id": 4, "name": "x", "version": 1, "status": "READY", "job_id": 7, "sha256": ""}


@pytest.fixture
def patient(server: JsonServer) -> Client:
    """A client that repeats without pauses."""
    return Client(server.url, pause=lambda _seconds: None)


def posts(server: JsonServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def test_a_submission_is_repeated_with_the_same_key(server: JsonServer, patient: Client) -> None:
    for _ in range(2):
        server.answer("POST", "/api/v1/jobs", AWAY, status=503)
    server.answer("POST", "/api/v1/jobs", job_document("PENDING"), status=202)
    assert patient.jobs.submit({}).id == 7
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    patient.jobs.submit({})
    assert server.requests[-1].headers["Idempotency-Key"] != keys[0]


def test_after_a_while_the_answer_is_raised(server: JsonServer) -> None:
    server.answer("GET", "/api/v1/jobs/7", AWAY, status=503)
    with pytest.raises(ApiError, match="the database is away") as caught:
        Client(server.url, retry_seconds=0.0).jobs.get(7)
    assert (caught.value.status, caught.value.remedy[:9]) == (503, "try again")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_what_would_fail_again_is_not_repeated(server: JsonServer, patient: Client, status: int) -> None:
    server.answer("GET", "/api/v1/jobs/7", {"title": "No", "status": status}, status=status)
    with pytest.raises(ApiError):
        patient.jobs.get(7)
    assert len(server.requests) == 1


def test_a_service_that_never_answered_is_not_waited_for(patient: Client) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match='start one with "ml-training up"') as caught:
        Transport(url, pause=lambda _seconds: pytest.fail("it waited")).get("/jobs")
    assert url in str(caught.value)
    assert "ml-training doctor" in str(caught.value)


def test_a_service_that_answered_before_is_waited_for_with_growing_pauses(server: JsonServer) -> None:
    server.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 6:
            raise InterruptedError

    client = Client(server.url, pause=pause)
    client.jobs.get(7)
    server.close()
    with pytest.raises(InterruptedError):
        client.jobs.get(7)
    assert waited == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]


def test_bytes_that_are_stored_are_not_sent(server: JsonServer, patient: Client, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"the bytes")
    sha256 = hashlib.sha256(b"the bytes").hexdigest()
    server.answer("HEAD", f"/api/v1/datasets/sha256/{sha256}", {})
    server.answer("POST", "/api/v1/datasets", DATASET, status=201)
    patient.datasets.upload(tmp_path / "x.csv", name="y", time_column="t")
    [sent] = [request.json for request in server.requests if request.method == "POST"]
    assert sent == {"name": "y", "time_column": "t", "sha256": sha256, "file_name": "x.csv"}


def test_the_ends_of_jobs_and_data_sets_are_exceptions(server: JsonServer, patient: Client) -> None:
    error = {"code": "timeout", "message": "60 s are over", "hint": "raise max_runtime_seconds"}
    server.answer("GET", "/api/v1/jobs/7", job_document("RUNNING"))
    server.answer("GET", "/api/v1/jobs/7", AWAY, status=503)
    server.answer("GET", "/api/v1/jobs/7", job_document("FAILED", error=error))
    with pytest.raises(JobFailed, match=r"60 s are over\. raise max_runtime_seconds") as failed:
        patient.jobs.get(7).wait()
    assert (failed.value.code, failed.value.hint) == ("timeout", "raise max_runtime_seconds")
    server.answer("GET", "/api/v1/jobs/8", job_document("CANCELLED", id=8))
    with pytest.raises(JobCancelled, match="#8 TRAIN"):
        patient.jobs.get(8).wait()
    reasons = [{"row": 4, "column": "x", "detail": "no number"}]
    server.answer("GET", "/api/v1/datasets/4", DATASET | {"status": "REJECTED", "reasons": reasons})
    with pytest.raises(DatasetRejected, match="column 'x', row 4: no number"):
        patient.datasets.get(4).wait()


def test_waiting_ends_after_the_time_that_is_given(server: JsonServer, patient: Client) -> None:
    server.answer("GET", "/api/v1/jobs/7", job_document("RUNNING"))
    with pytest.raises(WaitTooLong, match="job 7"):
        patient.jobs.get(7).wait(timeout=0.0)


def test_a_damaged_download_leaves_no_file(server: JsonServer, tmp_path: Path) -> None:
    server.answer("GET", "/api/v1/models/3", {"id": 3, "name": "m", "version": 1, "artifact_sha256": "0" * 64})
    server.answer("GET", "/api/v1/models/3/download", {"not": "the model"})
    model = Client(server.url, retry_seconds=0.0).models.get(3)
    with pytest.raises(Unreachable, match="damaged on its way"):
        model.download(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_service_is_found_by_argument_variable_or_the_stack_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("API_URL", "API_KEY", "API_PORT", "API_HOST"):
        monkeypatch.delenv(f"ML_TRAINING_{name}", raising=False)
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    assert Client().url == "http://127.0.0.1:8000"
    monkeypatch.setenv("ML_TRAINING_API_PORT", "8123")
    assert Client().url == "http://127.0.0.1:8123"
    running = '{"api_url": "http://127.0.0.1:9000", "pid": %d}'
    (tmp_path / "run.json").write_text(running % 2**22, encoding="utf-8")  # no such process
    assert Client().url == "http://127.0.0.1:8123"
    (tmp_path / "run.json").write_text(running % 1, encoding="utf-8")
    assert Client().url == "http://127.0.0.1:9000"
    monkeypatch.setenv("ML_TRAINING_API_URL", "https://service.test/")
    assert Client().url == "https://service.test"
    assert Client("http://other.test").url == "http://other.test"
    with pytest.raises(UsageError, match="must be http"):
        Client("service.test")
    monkeypatch.setenv("ML_TRAINING_API_URL", "service.test")
    with pytest.raises(SettingsError, match="ML_TRAINING_API_URL"):
        Client()


def test_the_key_is_sent(server: JsonServer) -> None:
    server.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    Client(server.url, key="mlt_1_secret").jobs.get(7)
    assert server.requests[0].headers["Authorization"] == "Bearer mlt_1_secret"
