"""The commands for jobs, with a real HTTP server that answers as the API does."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import job_document, run_command
from tests.support.json_server import JsonServer


def test_submit_sends_the_spec_and_says_how_to_watch_it(api: JsonServer, tmp_path: Path) -> None:
    api.answer("POST", "/api/v1/jobs", job_document("PENDING"), status=202)
    (tmp_path / "spec.json").write_text('{"job_type": "TRAIN"}', encoding="utf-8")
    result = run_command("submit", str(tmp_path / "spec.json"), "--idempotency-key", "k1")
    assert result.exit_code == 0
    assert "#7 TRAIN lightgbm is PENDING: ml-training watch 7" in result.stdout
    assert api.requests[0].json == {"job_type": "TRAIN"}
    assert api.requests[0].headers["Idempotency-Key"] == "k1"


def test_submit_reads_stdin_and_prints_the_job_as_json(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", job_document("PENDING"), status=202)
    result = run_command("submit", "-", "--json", stdin='{"a": 1}')
    assert json.loads(result.stdout) == job_document("PENDING")
    assert api.requests[0].json == {"a": 1}


@pytest.mark.parametrize("text", ["{", '{"x": NaN}', ""])
def test_a_spec_that_is_not_json_is_not_sent(api: JsonServer, text: str) -> None:
    result = run_command("submit", "-", stdin=text)
    assert result.exit_code == 1
    assert "stdin is not JSON" in result.stderr
    assert api.requests == []


def test_a_missing_file_is_a_usage_error(api: JsonServer) -> None:
    result = run_command("submit", "nowhere.json")
    assert result.exit_code == 2
    assert "there is no file 'nowhere.json'" in result.stderr
    assert api.requests == []


def test_watch_follows_a_job_to_its_result(api: JsonServer) -> None:
    for state in (job_document("PENDING"), job_document("RUNNING", progress=0.4), job_document("COMPLETED")):
        api.answer("GET", "/api/v1/jobs/7", state)
    result = run_command("watch", "7")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "#7 TRAIN lightgbm: PENDING",
        "#7 TRAIN lightgbm: RUNNING",
        "#7 TRAIN lightgbm: COMPLETED",
        "#7 TRAIN lightgbm made model 3",
    ]


def test_a_prediction_is_followed_by_its_rows_and_where_its_file_is(api: JsonServer) -> None:
    done = job_document("COMPLETED", job_type="PREDICT", result={"model_id": None, "prediction_id": 5})
    api.answer("GET", "/api/v1/jobs/7", done)
    api.answer("GET", "/api/v1/predictions/5", {"id": 5, "rows": 1_200, "model_id": 3})
    last = run_command("watch", "7").stdout.splitlines()[-3:]
    assert last == [
        "#7 PREDICT lightgbm made prediction 5",
        "1,200 rows predicted by model 3",
        f"  file: {api.url}/api/v1/predictions/5/download",
    ]


def test_watch_retries_while_the_service_is_unavailable(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs/7", job_document("RUNNING"))
    api.answer("GET", "/api/v1/jobs/7", {"title": "Service unavailable", "status": 503}, status=503)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    assert run_command("watch", "7").exit_code == 0


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_watch_succeeds_only_if_the_job_completed(api: JsonServer, status: str) -> None:
    api.answer("GET", "/api/v1/jobs/7", job_document(status))
    assert run_command("watch", "7").exit_code == 1


def test_a_failed_job_shows_its_code_message_and_hint(api: JsonServer) -> None:
    error = {"code": "timeout", "message": "60 s are over", "hint": "raise max_runtime_seconds"}
    api.answer("GET", "/api/v1/jobs/7", job_document("FAILED", error=error))
    assert "FAILED timeout: 60 s are over raise max_runtime_seconds" in run_command("watch", "7").stdout


def test_submit_can_watch_the_job(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", job_document("PENDING"), status=202)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    result = run_command("submit", "-", "--watch", "--json", stdin="{}")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1]) == job_document("COMPLETED")


def test_jobs_are_listed_page_by_page_up_to_the_limit(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs", {"items": [job_document("RUNNING", id=9)], "next_cursor": "abc"})
    api.answer("GET", "/api/v1/jobs", {"items": [job_document("PENDING", id=8)], "next_cursor": "def"})
    result = run_command("jobs", "--status", "running", "--limit", "2", "--json")
    assert [item["id"] for item in json.loads(result.stdout)["items"]] == [9, 8]
    assert [request.path for request in api.requests] == [
        "/api/v1/jobs?limit=2&status=RUNNING",
        "/api/v1/jobs?limit=1&cursor=abc&status=RUNNING",
    ]


def test_cancel_prints_the_status_of_the_job(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs/7/cancel", job_document("RUNNING"), status=202)
    assert "#7 TRAIN lightgbm is RUNNING, and was asked to stop" in run_command("cancel", "7").stdout


def test_cancel_and_retry_take_many_jobs_and_say_what_could_not_be(api: JsonServer) -> None:
    refused = {"id": 8, "status": 409, "job_id": None, "job_status": None}
    refused |= {"errors": [{"pointer": "", "detail": "job 8 is COMPLETED already"}]}
    done = {"id": 7, "status": 202, "job_id": 7, "job_status": "CANCELLED", "errors": []}
    api.answer("POST", "/api/v1/jobs/cancel", {"items": [done, refused], "remaining": 0}, status=207)
    result = run_command("cancel", "7", "8")
    assert (result.exit_code, api.requests[-1].json) == (1, {"ids": [7, 8]})
    assert result.stdout.splitlines() == ["#7 is CANCELLED", "#8: job 8 is COMPLETED already"]
    api.answer("POST", "/api/v1/jobs/retry", {"items": [{**done, "job_id": 9}], "remaining": 12}, status=207)
    result = run_command("retry", "--status", "failed", "--type", "train")
    assert api.requests[-1].json == {"filter": {"status": "FAILED", "job_type": "TRAIN"}}
    assert result.stdout.splitlines() == ["#7 is tried again as #9"]
    assert "12 or more remain" in result.stderr
    assert run_command("cancel").exit_code == run_command("retry", "7", "--status", "failed").exit_code == 2
