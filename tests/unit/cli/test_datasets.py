"""The commands for data sets, with a real HTTP server that answers as the API does."""

import json
from pathlib import Path

import pytest

from ml_training.domain.names import is_name
from tests.support.command_line import job_document, run_command
from tests.support.json_server import JsonServer


def test_a_data_set_is_uploaded_and_ingested(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "sales", "version": 1, "status": "PROCESSING", "job_id": 7, "created_at": None}
    api.take_file(b"the bytes", made)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED", job_type="INGEST", model_type="none"))
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "READY"})
    file = tmp_path / "sales.csv.gz"
    file.write_bytes(b"the bytes")
    result = run_command("datasets", "add", str(file), "--time-column", "day")
    assert result.exit_code == 0
    assert "data set 4 (sales version 1) is READY" in result.stdout
    [piece] = api.sent_to("PATCH", "/api/v1/uploads/3")
    [asked] = api.sent_to("POST", "/api/v1/datasets")
    assert piece.body == b"the bytes"
    assert asked.json == {"name": "sales", "time_column": "day", "upload_id": 3}


def test_a_rejected_data_set_fails_with_its_reasons(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "x", "version": 1, "status": "PROCESSING", "job_id": 7, "reasons": []}
    api.take_file(b"x", made)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    reasons = [{"row": 3, "column": None, "detail": "row 3 has 4 fields, not 5"}]
    reasons += [{"row": row, "column": "when", "detail": "no time"} for row in range(4, 54)]
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "REJECTED", "reasons": reasons})
    file = tmp_path / "x.csv"
    file.write_bytes(b"x")
    result = run_command("datasets", "add", str(file), "--name", "x")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "  row 3: row 3 has 4 fields, not 5",
        "  column 'when', 50 rows, first 4, 5, 6: no time",
    ]


def test_data_sets_are_listed(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/datasets", {"items": [{"id": 4, "name": "sales", "rows": 10}], "next_cursor": None})
    assert "sales" in run_command("datasets").stdout


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("my data (1).csv", "my-data-1"),
        ("Umsätze.csv", "Umsaetze"),
        ("a.b.csv.gz", "a.b"),
        ("_x.parquet", "x"),
        ("数据.csv", "data"),
        (f"{'x' * 80}.csv", "x" * 64),
    ],
)
def test_the_name_made_of_a_file_name_is_valid(api: JsonServer, tmp_path: Path, file_name: str, name: str) -> None:
    made = {"id": 4, "name": name, "version": 1, "status": "READY", "job_id": 7}
    api.take_file(b"x", made)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    api.answer("GET", "/api/v1/datasets/4", made)
    (tmp_path / file_name).write_bytes(b"x")
    assert run_command("datasets", "add", str(tmp_path / file_name)).exit_code == 0
    [asked] = api.sent_to("POST", "/api/v1/datasets")
    assert asked.json["name"] == name
    assert is_name(name)


def test_how_a_file_is_written_is_passed_on(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "x", "version": 1, "status": "READY", "job_id": 7}
    api.take_file(b"x", made)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    api.answer("GET", "/api/v1/datasets/4", made)
    (tmp_path / "x.csv").write_bytes(b"x")
    options = ("--separator", ";", "--decimal", ",", "--option", "thousands=.")
    assert run_command("datasets", "add", str(tmp_path / "x.csv"), *options).exit_code == 0
    [asked] = api.sent_to("POST", "/api/v1/datasets")
    assert asked.json == {"name": "x", "separator": ";", "decimal": ",", "thousands": ".", "upload_id": 3}


def test_rows_are_taken_from_a_query_or_a_bucket(api: JsonServer, tmp_path: Path) -> None:
    made = {"id": 4, "name": "churn", "version": 1, "status": "PROCESSING", "job_id": 7}
    api.answer("POST", "/api/v1/datasets", made, status=201)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED", job_type="INGEST", model_type="none"))
    api.answer("GET", "/api/v1/datasets/4", made | {"status": "READY"})
    (tmp_path / "q.sql").write_text("SELECT 1 AS a", encoding="utf-8")
    for command, body in (
        (
            ["--connection", "warehouse", "--query-file", str(tmp_path / "q.sql"), "--time-column", "day"],
            {"connection": "warehouse", "query": "SELECT 1 AS a", "name": "warehouse", "time_column": "day"},
        ),
        (
            ["--source", "s3://lake/a/b.csv", "--decimal", ","],
            {"source": "s3://lake/a/b.csv", "name": "b", "decimal": ","},
        ),
    ):
        result = run_command("datasets", "add", *command)
        assert result.exit_code == 0, result.output
        sent = [request.body for request in api.requests if request.method == "POST"][-1]
        assert json.loads(sent) == body


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["--connection", "warehouse"],
        ["--query", "SELECT 1"],
        ["--source", "s3://lake/a.csv", "--connection", "w", "--query", "SELECT 1"],
        ["--connection", "w", "--query", "SELECT 1", "--query-file", __file__],
        [__file__, "--source", "s3://lake/a.csv"],
    ],
)
def test_the_rows_are_in_one_place(api: JsonServer, command: list[str]) -> None:
    assert run_command("datasets", "add", *command).exit_code == 2
    assert api.requests == []


@pytest.mark.parametrize(
    ("made", "said"), [(2, "data set 2 (churn version 2) is new"), (1, "data set 1 (churn version 1) is unchanged")]
)
def test_a_refresh_says_whether_there_is_a_new_version(api: JsonServer, made: int, said: str) -> None:
    for number in (1, 2):
        found = {"id": number, "name": "churn", "version": number, "status": "READY", "job_id": 7}
        api.answer("GET", f"/api/v1/datasets/{number}", found)
    job = job_document("COMPLETED", job_type="INGEST", model_type="none") | {"result": {"dataset_id": made}}
    api.answer("POST", "/api/v1/datasets/1/refresh", job, status=202)
    api.answer("GET", f"/api/v1/jobs/{job['id']}", job)
    result = run_command("datasets", "refresh", "1")
    assert result.exit_code == 0, result.output
    assert said in result.stdout


def test_connections_are_listed(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/connections", {"items": [{"name": "warehouse", "kind": "postgresql"}]})
    assert "warehouse" in run_command("connections").stdout
