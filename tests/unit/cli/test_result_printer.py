"""How every command prints its results and its errors."""

import json
import re

import pytest

from ml_training.local.ports import free_port
from tests.support.command_line import job_document, run_command
from tests.support.json_server import JsonServer

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


def test_a_problem_is_printed_with_its_title_and_every_field(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", INVALID, status=422)
    result = run_command("submit", "-", stdin="{}")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Invalid request (422): the job cannot run",
        "  /params/max_depth: must be at most 64",
        "  /target/column: no such column",
    ]


def test_a_problem_is_the_whole_problem_document_with_json(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", INVALID, status=422)
    result = run_command("submit", "-", "--json", stdin="{}")
    assert (result.exit_code, json.loads(result.stdout)) == (1, INVALID)


def test_a_table_shows_unknown_values_as_a_dash_and_does_not_interpret_markup(api: JsonServer) -> None:
    text = "[red]not markup[/red]"
    api.answer(
        "GET",
        "/api/v1/jobs",
        {"items": [job_document("PENDING", progress_message=text, attempt=None)], "next_cursor": None},
    )
    cells = re.split(r" {2,}", run_command("jobs").stdout.splitlines()[1].strip())
    assert cells == ["7", "TRAIN", "lightgbm", "PENDING", "0%", "-", "2026-01-31 12:00:00", text]


def test_a_service_that_does_not_answer_is_reported_with_its_url(
    api: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("ML_TRAINING_API_URL", url)
    result = run_command("jobs")
    assert result.exit_code == 1
    assert f"no ML Training Service answers at {url}" in result.stderr


def test_another_service_on_the_port_is_reported(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/jobs", ["something else"])
    result = run_command("jobs")
    assert result.exit_code == 1
    assert "is not an ML Training Service" in result.stderr


def test_an_invalid_setting_is_reported_with_its_variable(api: JsonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_API_PORT", "99999")
    result = run_command("jobs", "--json")
    assert result.exit_code == 1
    assert "ML_TRAINING_API_PORT" in json.loads(result.stdout)["detail"]


def test_a_proxy_in_the_environment_is_not_used_for_this_machine(
    api: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    api.answer("GET", "/api/v1/jobs", {"items": [], "next_cursor": None})
    assert run_command("jobs").exit_code == 0
