"""The verbs over HTTP, against a real server that answers as the API does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ml_training.cli.app import app
from ml_training.local.ports import free_port
from tests.support.json_server import JsonServer, json_server

INVALID = {
    "type": "urn:ml-training:problem:invalid-request",
    "title": "Invalid request",
    "status": 422,
    "detail": "the job cannot run",
    "errors": [
        {"pointer": "/params/max_depth", "detail": "must be at most 64"},
        {"pointer": "/target/column", "detail": "no such column"},
    ],
}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[JsonServer]:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    with json_server() as server:
        monkeypatch.setenv("ML_TRAINING_API_URL", server.url)
        yield server


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def job(status: str, **values: Any) -> dict[str, Any]:
    defaults = {
        "id": 7,
        "job_type": "TRAIN",
        "model_type": "lightgbm",
        "status": status,
        "progress": 1.0 if status == "COMPLETED" else 0.0,
        "progress_message": "",
        "eta_seconds": None,
        "attempt": 1,
        "created_at": "2026-01-31T12:00:00.000000Z",
        "result": {"model_id": 3} if status == "COMPLETED" else None,
        "error": None,
    }
    return defaults | values


def test_submit_sends_the_spec_and_says_how_to_watch_it(api: JsonServer, tmp_path: Path) -> None:
    api.answer("POST", "/api/v1/jobs", job("PENDING"), status=202)
    (tmp_path / "spec.json").write_text('{"job_type": "TRAIN"}', encoding="utf-8")
    result = run("submit", str(tmp_path / "spec.json"), "--idempotency-key", "k1")
    assert result.exit_code == 0
    assert "#7 TRAIN lightgbm is PENDING: ml-training watch 7" in result.stdout
    assert api.asked[0].json == {"job_type": "TRAIN"}
    assert api.asked[0].headers["Idempotency-Key"] == "k1"


def test_submit_reads_stdin_and_answers_with_the_job_for_programs(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", job("PENDING"), status=202)
    result = run("submit", "-", "--json", stdin='{"a": 1}')
    assert json.loads(result.stdout) == job("PENDING")
    assert api.asked[0].json == {"a": 1}


@pytest.mark.parametrize("text", ["{", '{"x": NaN}', ""])
def test_what_is_not_json_is_not_sent(api: JsonServer, text: str) -> None:
    result = run("submit", "-", stdin=text)
    assert result.exit_code == 1
    assert "- is not JSON" in result.stderr
    assert api.asked == []


def test_a_missing_file_is_named_without_a_stack_trace(api: JsonServer) -> None:
    result = run("submit", "nowhere.json")
    assert result.exit_code == 1
    assert "nowhere.json" in result.stderr


def test_a_refusal_shows_its_title_and_every_field(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", INVALID, status=422)
    result = run("submit", "-", stdin="{}")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Invalid request (422): the job cannot run",
        "  /params/max_depth: must be at most 64",
        "  /target/column: no such column",
    ]


def test_a_refusal_is_the_whole_problem_document_for_programs(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", INVALID, status=422)
    result = run("submit", "-", "--json", stdin="{}")
    assert (result.exit_code, json.loads(result.stdout)) == (1, INVALID)


def test_watch_follows_a_job_to_its_result(api: JsonServer) -> None:
    for state in (job("PENDING"), job("RUNNING", progress=0.4), job("COMPLETED")):
        api.answer("GET", "/api/v1/jobs/7", state)
    result = run("watch", "7")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "#7 TRAIN lightgbm: PENDING",
        "#7 TRAIN lightgbm: RUNNING",
        "#7 TRAIN lightgbm: COMPLETED",
        "#7 TRAIN lightgbm made model 3",
    ]


def test_watch_bears_with_a_service_that_is_away_for_a_moment(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs/7", job("RUNNING"))
    api.answer("GET", "/api/v1/jobs/7", {"title": "Service unavailable", "status": 503}, status=503)
    api.answer("GET", "/api/v1/jobs/7", job("COMPLETED"))
    assert run("watch", "7").exit_code == 0


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_watch_succeeds_only_if_the_job_completed(api: JsonServer, status: str) -> None:
    api.answer("GET", "/api/v1/jobs/7", job(status))
    assert run("watch", "7").exit_code == 1


def test_a_failed_job_shows_its_code_message_and_hint(api: JsonServer) -> None:
    error = {"code": "timeout", "message": "60 s are over", "hint": "raise max_runtime_seconds"}
    api.answer("GET", "/api/v1/jobs/7", job("FAILED", error=error))
    assert "FAILED timeout: 60 s are over raise max_runtime_seconds" in run("watch", "7").stdout


def test_submit_and_watch_in_one(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", job("PENDING"), status=202)
    api.answer("GET", "/api/v1/jobs/7", job("COMPLETED"))
    result = run("submit", "-", "--watch", "--json", stdin="{}")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1]) == job("COMPLETED")


def test_jobs_are_listed_page_by_page_up_to_the_limit(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs", {"items": [job("RUNNING", id=9)], "next_cursor": "abc"})
    api.answer("GET", "/api/v1/jobs", {"items": [job("PENDING", id=8)], "next_cursor": "def"})
    result = run("jobs", "--status", "running", "--limit", "2", "--json")
    assert [item["id"] for item in json.loads(result.stdout)["items"]] == [9, 8]
    assert [request.path for request in api.asked] == [
        "/api/v1/jobs?limit=2&status=RUNNING",
        "/api/v1/jobs?limit=1&cursor=abc&status=RUNNING",
    ]


def test_a_table_shows_what_is_not_known_as_a_dash_and_no_markup_of_users(api: JsonServer) -> None:
    text = "[red]not markup[/red]"
    api.answer(
        "GET", "/api/v1/jobs", {"items": [job("PENDING", progress_message=text, attempt=None)], "next_cursor": None}
    )
    cells = re.split(r" {2,}", run("jobs").stdout.splitlines()[1].strip())
    assert cells == ["7", "TRAIN", "lightgbm", "PENDING", "0%", "-", "2026-01-31 12:00:00", text]


def test_cancel_says_what_became_of_the_job(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs/7/cancel", job("RUNNING"), status=202)
    assert "#7 TRAIN lightgbm is RUNNING, and was asked to stop" in run("cancel", "7").stdout


def test_models_show_both_accuracies(api: JsonServer) -> None:
    model = {"id": 3, "name": "churn", "version": 1, "model_type": "ridge", "task": "binary", "created_at": None}
    scores = {"scores": {"held_out": {"accuracy": 0.97371}, "train": {"accuracy": 1.0}}}
    api.answer("GET", "/api/v1/models", {"items": [model | scores], "next_cursor": None})
    assert run("models").stdout.splitlines()[1].split() == [
        "3",
        "churn",
        "1",
        "ridge",
        "binary",
        "0.9737",
        "1.0000",
        "-",
    ]


def test_a_data_set_is_uploaded_and_waited_for(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "sales", "version": 1, "status": "PROCESSING", "job_id": 7}
    api.answer("POST", "/api/v1/datasets", made, status=201)
    api.answer("GET", "/api/v1/jobs/7", job("COMPLETED", job_type="INGEST", model_type="none"))
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "READY"})
    file = tmp_path / "sales.csv.gz"
    file.write_bytes(b"the bytes")
    result = run("datasets", "add", str(file), "--time-column", "day")
    assert result.exit_code == 0
    assert "data set 4 (sales version 1) is READY" in result.stdout
    body = api.asked[0].body
    for part in (b'name="name"\r\n\r\nsales\r\n', b'name="time_column"\r\n\r\nday\r\n', b"the bytes"):
        assert part in body
    assert b"phase_column" not in body


def test_a_rejected_data_set_fails_with_its_reasons(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "x", "version": 1, "status": "PROCESSING", "job_id": 7, "reasons": []}
    api.answer("POST", "/api/v1/datasets", made, status=201)
    api.answer("GET", "/api/v1/jobs/7", job("COMPLETED"))
    reasons = [{"row": 3, "column": None, "detail": "row 3 has 4 fields, not 5"}]
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "REJECTED", "reasons": reasons})
    file = tmp_path / "x.csv"
    file.write_bytes(b"x")
    result = run("datasets", "add", str(file), "--name", "x")
    assert result.exit_code == 1
    assert "row 3 has 4 fields, not 5" in result.stderr


def test_data_sets_are_listed(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/datasets", {"items": [{"id": 4, "name": "sales", "rows": 10}], "next_cursor": None})
    assert "sales" in run("datasets").stdout


def test_a_service_that_does_not_run_is_named_by_its_url(api: JsonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("ML_TRAINING_API_URL", url)
    result = run("jobs")
    assert result.exit_code == 1
    assert f"no ML Training Service answers at {url}" in result.stderr


def test_another_service_on_the_port_is_told_apart(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs", ["something else"])
    result = run("jobs")
    assert result.exit_code == 1
    assert "is not an ML Training Service" in result.stderr


def test_a_wrong_setting_is_named(api: JsonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_API_PORT", "99999")
    result = run("jobs", "--json")
    assert result.exit_code == 1
    assert "ML_TRAINING_API_PORT" in json.loads(result.stdout)["detail"]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    api: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    api.answer("GET", "/api/v1/jobs", {"items": [], "next_cursor": None})
    assert run("jobs").exit_code == 0


def test_migrate_makes_the_database(api: JsonServer, tmp_path: Path) -> None:
    result = run("migrate", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["revision"]
    assert (tmp_path / "data" / "ml_training.db").exists()
