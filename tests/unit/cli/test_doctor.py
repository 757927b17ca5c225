"""`ml-training doctor`: it reports what is wrong and how to fix it, and changes nothing."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml_training.cli.app import app
from ml_training.cli.doctor import START_SERVICE, summary
from ml_training.cli.doctor_checks import DoctorCheck
from ml_training.db.engine import open_database
from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.migrate import migrate
from ml_training.local.ports import free_port
from ml_training.local.run_file import RunInfo
from tests.support.json_server import json_server
from tests.support.redis_server import RedisServer


def run_doctor() -> tuple[int, dict[str, dict[str, object]]]:
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in document["checks"]}


def test_when_nothing_runs_each_part_is_reported_with_its_remedy_and_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(data_dir))
    monkeypatch.setenv("ML_TRAINING_API_PORT", str(free_port()))
    monkeypatch.setenv("ML_TRAINING_EXPORTER_PORT", str(free_port()))
    status, checks = run_doctor()
    assert status == 1
    failed = {name: check["mend"] for name, check in checks.items() if not check["ok"]}
    assert failed == dict.fromkeys(["database", "broker", "api", "exporter", "workers", "maintenance"], START_SERVICE)
    assert not data_dir.exists()
    text = CliRunner().invoke(app, ["doctor"]).stdout
    assert "FAIL  database     SQLite" in text
    assert "FAIL  maintenance  not known" in text
    assert text.endswith(f"\n\nTo fix database, broker, api, exporter, workers, maintenance: {START_SERVICE}\n")


def test_a_variable_that_nothing_reads_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ML_TRAINING_API_PROT", "1")
    _, checks = run_doctor()
    assert "ML_TRAINING_API_PROT is no setting: did you mean ML_TRAINING_API_PORT?" in str(checks["settings"]["detail"])


def test_each_remedy_is_printed_once() -> None:
    checks = [
        DoctorCheck("a", False, "", "do this"),
        DoctorCheck("b", False, "", "do that"),
        DoctorCheck("c", False, "", "do this"),
    ]
    assert summary(checks) == ["To fix a, c: do this", "To fix b: do that"]
    assert summary([DoctorCheck("a", True, "fine", "do this")]) == ["Everything works."]


def test_invalid_settings_are_all_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_API_PORT", "no")
    monkeypatch.setenv("ML_TRAINING_LIMITS__PAGE", "0")
    status, checks = run_doctor()
    assert status == 1
    assert "ML_TRAINING_API_PORT" in str(checks["settings"]["detail"])
    assert "ML_TRAINING_LIMITS__PAGE" in str(checks["settings"]["detail"])
    printed = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert [line.index("ML_") for line in printed if "ML_TRAINING_" in line] == [21, 21]  # indented to the detail


def test_a_healthy_stack_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_redis: RedisServer) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    url = f"sqlite:///{tmp_path}/ml_training.db"
    database = open_database(url)
    migrate(database)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@here", kind="worker", body={"pid": 1, "slots": 2})
        write_heartbeat(connection, process="maintenance@here", kind="maintenance", body={"pid": 3})
    database.dispose()
    with json_server() as http:
        http.answer("GET", "/api/v1/health/live", {"pid": 1})
        http.answer("GET", "/health/live", {"pid": 2})
        info = RunInfo(
            api_url=http.url, exporter_url=http.url, broker_url=own_redis.url, database_url=url, pid=os.getpid()
        )
        info.write(tmp_path / "run.json")
        status, checks = run_doctor()
    assert [name for name, check in checks.items() if not check["ok"]] == []
    assert status == 0
    assert checks["workers"]["detail"] == "2 jobs can run at a time"
    assert f"process {os.getpid()} runs a stack there" in str(checks["settings"]["detail"])
    assert own_redis.url.split(":")[2].partition("@")[0] not in json.dumps(checks)  # the password


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/redis.sock?virtual_host=0"])
def test_an_unavailable_broker_is_reported_with_its_setting(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ML_TRAINING_BROKER_URL", url)
    _, checks = run_doctor()
    assert not checks["broker"]["ok"]
    assert "ML_TRAINING_BROKER_URL" in str(checks["broker"]["mend"])


def test_the_remedy_for_a_missing_process_of_a_running_stack_is_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    url = f"sqlite:///{tmp_path}/ml_training.db"
    database = open_database(url)
    migrate(database)
    database.dispose()
    nowhere = f"http://127.0.0.1:{free_port()}"
    broker = f"redis://127.0.0.1:{free_port()}/0"
    info = RunInfo(api_url=nowhere, exporter_url=nowhere, broker_url=broker, database_url=url, pid=os.getpid())
    info.write(tmp_path / "run.json")
    _, checks = run_doctor()
    assert checks["database"]["ok"]
    logs = {"broker": "redis", "api": "api", "exporter": "exporter", "workers": "worker", "maintenance": "maintenance"}
    assert {name for name, check in checks.items() if not check["ok"]} == set(logs)
    for name, log in logs.items():
        assert f"{tmp_path}/logs/{log}.log" in str(checks[name]["mend"])


def test_an_unavailable_remote_api_is_reported_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ML_TRAINING_API_URL", f"http://127.0.0.1:{free_port()}")
    _, checks = run_doctor()
    assert "ML_TRAINING_API_URL" in str(checks["api"]["mend"])


def test_a_file_that_is_not_a_database_is_reported_and_the_other_checks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    (tmp_path / "ml_training.db").write_text("this is not a database\n" * 100, encoding="utf-8")
    _, checks = run_doctor()
    assert "file is not a database" in str(checks["database"]["detail"])
    assert "ML_TRAINING_DATABASE_URL" in str(checks["database"]["mend"])
