"""The sample run: its requests, its output, and when it fails."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from ml_training.client.transport import Transport
from ml_training.local.console_output import TextOutput
from ml_training.local.interrupts import StopRequested
from ml_training.local.sample_run import SampleFailed, SampleRun
from tests.support.json_server import JsonServer, json_server

EMPTY: dict[str, Any] = {"items": [], "next_cursor": None}
JOBS = {
    1: ("INGEST", "none", {"dataset_id": 1}),
    2: ("TRAIN", "lightgbm", {"model_id": 1}),
    3: ("TRAIN", "random_forest", {"model_id": 2}),
    4: ("TEST", "lightgbm", {"test_result_id": 1}),
    5: ("COMPARE", "mixed", {"comparison_id": 1}),
}


@pytest.fixture
def api() -> Iterator[JsonServer]:
    """A service on which every job completes."""
    with json_server() as server:
        for number in JOBS:
            server.answer("GET", f"/api/v1/jobs/{number}", job(number, "COMPLETED"))
            if number > 1:
                server.answer("POST", "/api/v1/jobs", job(number, "PENDING"), status=202)
        server.answer("POST", "/api/v1/datasets", {"id": 1, "job_id": 1, "status": "PROCESSING"}, status=201)
        server.answer("GET", "/api/v1/datasets/1", {"id": 1, "job_id": 1, "status": "READY"})
        for number, accuracy in ((1, 0.9649), (2, 0.9474)):
            scores = {"held_out": {"accuracy": accuracy}, "train": {"accuracy": 1.0}}
            server.answer("GET", f"/api/v1/models/{number}", {"id": number, "model_type": "x", "scores": scores})
        test_scores = {"accuracy": 0.993, "f1": 0.99, "roc_auc": None}
        result = {"model_id": 1, "rows": 569, "overlap": True, "scores": test_scores}
        server.answer("GET", "/api/v1/test-results/1", result)
        server.answer("GET", "/api/v1/comparisons/1", {"metric": "accuracy", "winner_model_id": None})
        yield server


def job(number: int, status: str) -> dict[str, Any]:
    job_type, model_type, result = JOBS[number]
    ended = {"result": result, "error": {"code": "timeout", "message": "too long", "hint": ""}}
    return {"id": number, "job_type": job_type, "model_type": model_type, "status": status, **ended}


def run(api: JsonServer, **options: Any) -> str:
    stream = io.StringIO()
    with Transport(api.url, pause=options.pop("pause", lambda _seconds: None), is_known=True) as client:
        text_output = TextOutput(Console(file=stream, width=120, force_terminal=options.pop("terminal", False)))
        SampleRun(client, output=text_output).run()
    return stream.getvalue()


def test_two_models_are_trained_tested_and_compared_on_the_same_data(api: JsonServer) -> None:
    printed = run(api)
    specs = [request.json for request in api.requests if request.method == "POST"]
    assert specs[0] == {"name": "breast_cancer", "sample": "breast_cancer"}
    assert [spec.get("model_type") for spec in specs[1:3]] == ["lightgbm", "random_forest"]
    assert specs[3] == {"job_type": "TEST", "model_id": 1, "dataset_id": 1}
    assert specs[4] == {"job_type": "COMPARE", "model_ids": [1, 2], "dataset_id": 1, "metric": "accuracy"}
    assert "0.9649" in printed
    assert "0.9474" in printed
    assert "TEST of model 1 on all 569 rows: accuracy 0.9930, f1 0.9900 (it was trained on some of them)" in printed
    assert "COMPARE by accuracy: a tie" in printed


def test_on_a_terminal_every_job_has_a_progress_bar(api: JsonServer) -> None:
    printed = run(api, terminal=True)
    for label in ("#1 INGEST", "#2 TRAIN lightgbm", "#5 COMPARE mixed"):
        assert label in printed
    assert "━━━" in printed


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_job_that_does_not_complete_ends_the_run_with_its_reason(api: JsonServer, status: str) -> None:
    with json_server() as failing:
        failing.answer("POST", "/api/v1/datasets", {"id": 1, "job_id": 1}, status=201)
        failing.answer("GET", "/api/v1/jobs/1", job(1, status))
        with pytest.raises(SampleFailed, match=rf"job 1 ended {status}.*too long"):
            run(failing)


def test_ctrl_c_ends_the_run_at_the_next_pause(api: JsonServer) -> None:
    def interrupted(_seconds: float) -> None:
        raise StopRequested

    with pytest.raises(StopRequested):
        run(api, pause=interrupted)


@pytest.mark.parametrize(("filled", "empty"), [(None, True), ("datasets", False), ("jobs", False)])
def test_only_an_empty_database_gets_the_sample_run(filled: str | None, empty: bool) -> None:
    with json_server() as server, Transport(server.url) as client:
        for noun in ("datasets", "jobs"):
            server.answer(
                "GET", f"/api/v1/{noun}", {"items": [{"id": 1}], "next_cursor": None} if noun == filled else EMPTY
            )
        sample = SampleRun(client, output=TextOutput(Console(file=io.StringIO())))
        assert sample.database_is_empty() is empty
