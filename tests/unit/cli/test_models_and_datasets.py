"""The commands for models and data sets, with a real HTTP server that answers as the API does."""

from pathlib import Path

from tests.support.command_line import job_document, run_command
from tests.support.json_server import JsonServer


def test_models_show_both_accuracies(api: JsonServer) -> None:
    model = {"id": 3, "name": "churn", "version": 1, "model_type": "ridge", "task": "binary", "created_at": None}
    scores = {"scores": {"held_out": {"accuracy": 0.97371}, "train": {"accuracy": 1.0}}}
    api.answer("GET", "/api/v1/models", {"items": [model | scores], "next_cursor": None})
    assert run_command("models").stdout.splitlines()[1].split() == [
        "3",
        "churn",
        "1",
        "ridge",
        "binary",
        "0.9737",
        "1.0000",
        "-",
    ]


def test_a_data_set_is_uploaded_and_ingested(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "sales", "version": 1, "status": "PROCESSING", "job_id": 7}
    api.answer("POST", "/api/v1/datasets", made, status=201)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED", job_type="INGEST", model_type="none"))
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "READY"})
    file = tmp_path / "sales.csv.gz"
    file.write_bytes(b"the bytes")
    result = run_command("datasets", "add", str(file), "--time-column", "day")
    assert result.exit_code == 0
    assert "data set 4 (sales version 1) is READY" in result.stdout
    body = api.requests[0].body
    for part in (b'name="name"\r\n\r\nsales\r\n', b'name="time_column"\r\n\r\nday\r\n', b"the bytes"):
        assert part in body
    assert b"phase_column" not in body


def test_a_rejected_data_set_fails_with_its_reasons(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "x", "version": 1, "status": "PROCESSING", "job_id": 7, "reasons": []}
    api.answer("POST", "/api/v1/datasets", made, status=201)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    reasons = [{"row": 3, "column": None, "detail": "row 3 has 4 fields, not 5"}]
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "REJECTED", "reasons": reasons})
    file = tmp_path / "x.csv"
    file.write_bytes(b"x")
    result = run_command("datasets", "add", str(file), "--name", "x")
    assert result.exit_code == 1
    assert "row 3 has 4 fields, not 5" in result.stderr


def test_data_sets_are_listed(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/datasets", {"items": [{"id": 4, "name": "sales", "rows": 10}], "next_cursor": None})
    assert "sales" in run_command("datasets").stdout
