"""`ml-training doctor`: names what is wrong and how to mend it, and changes nothing."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml_training.cli.app import app
from ml_training.cli.doctor import START, advice
from ml_training.cli.doctor_checks import Check, check_broker, check_database, check_disk, check_server
from ml_training.db.engine import open_database
from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.migrate import migrate
from ml_training.local.ports import free_port
from ml_training.local.redis_server import RedisServer, redis_client, start_redis
from ml_training.local.run_file import RunInfo
from tests.support.json_server import json_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


def examine() -> tuple[int, dict[str, dict[str, object]]]:
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in document["checks"]}


def test_where_nothing_runs_it_names_each_part_with_its_remedy_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(data_dir))
    monkeypatch.setenv("ML_TRAINING_API_PORT", str(free_port()))
    monkeypatch.setenv("ML_TRAINING_EXPORTER_PORT", str(free_port()))
    status, checks = examine()
    assert status == 1
    failed = {name: check["mend"] for name, check in checks.items() if not check["ok"]}
    assert failed == dict.fromkeys(["database", "broker", "api", "exporter", "workers", "maintenance"], START)
    assert not data_dir.exists()
    text = CliRunner().invoke(app, ["doctor"]).stdout
    assert "FAIL  database     SQLite" in text
    assert "FAIL  maintenance  not known" in text
    assert text.endswith(f"\n\nTo mend database, broker, api, exporter, workers, maintenance: {START}\n")


def test_each_remedy_is_told_once() -> None:
    checks = [Check("a", False, "", "do this"), Check("b", False, "", "do that"), Check("c", False, "", "do this")]
    assert advice(checks) == ["To mend a, c: do this", "To mend b: do that"]
    assert advice([Check("a", True, "fine", "do this")]) == ["Everything works."]


def test_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_API_PORT", "no")
    monkeypatch.setenv("ML_TRAINING_LIMITS__PAGE", "0")
    status, checks = examine()
    assert status == 1
    assert "ML_TRAINING_API_PORT" in str(checks["settings"]["detail"])
    assert "ML_TRAINING_LIMITS__PAGE" in str(checks["settings"]["detail"])
    told = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert [line.index("ML_") for line in told if "ML_TRAINING_" in line] == [21, 21]  # below the detail


def test_a_whole_stack_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RedisServer) -> None:
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
            api_url=http.url, exporter_url=http.url, broker_url=server.url, database_url=url, pid=os.getpid()
        )
        info.write(tmp_path / "run.json")
        status, checks = examine()
    assert [name for name, check in checks.items() if not check["ok"]] == []
    assert status == 0
    assert checks["workers"]["detail"] == "2 jobs can run at a time"
    assert f"process {os.getpid()} runs a stack there" in str(checks["settings"]["detail"])
    assert server.url.split(":")[2].partition("@")[0] not in json.dumps(checks)  # the password


def test_an_old_schema_is_mended_by_migrate(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    check = check_database(f"sqlite:///{tmp_path}/x.db", start="start it")
    assert (check.ok, check.mend) == (False, "`ml-training migrate`")


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    check = check_database(f"postgresql://user:secret@127.0.0.1:{free_port()}/jobs", start="start it")
    assert not check.ok
    assert "Connection refused" in check.detail
    assert "psycopg2" not in check.detail
    assert "secret" not in check.line()
    assert "ML_TRAINING_DATABASE_URL" in check.mend


def test_a_broker_that_may_throw_messages_away_fails(server: RedisServer) -> None:
    assert check_broker(server.url, start="start it").ok
    with redis_client(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    check = check_broker(server.url, start="start it")
    assert not check.ok
    assert "allkeys-lru" in check.detail
    assert "noeviction" in check.mend


def test_a_broker_that_forbids_the_question_passes(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        client.acl_setuser("tenant", enabled=True, passwords=["+pw"], commands=["+@all", "-config"], keys=["*"])
    port = server.url.rpartition(":")[2]
    check = check_broker(f"redis://tenant:pw@127.0.0.1:{port}", start="start it")
    assert check.ok
    assert "does not say" in check.detail


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/redis.sock?virtual_host=0"])
def test_a_broker_that_is_away_names_its_setting(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ML_TRAINING_BROKER_URL", url)
    _, checks = examine()
    assert not checks["broker"]["ok"]
    assert "ML_TRAINING_BROKER_URL" in str(checks["broker"]["mend"])


def test_a_foreign_server_on_the_port_is_not_the_api() -> None:
    with json_server() as foreign:
        check = check_server("api", foreign.url, path="/api/v1/health/live", start="start it")
    assert not check.ok
    assert "HTTP 404 as JsonServer" in check.detail
    assert "ML_TRAINING_API_PORT" in check.mend


def test_room_is_measured_where_the_data_will_be(tmp_path: Path) -> None:
    assert str(tmp_path) in check_disk(tmp_path / "not" / "yet").detail


def test_a_part_of_a_running_stack_that_is_away_is_sent_to_its_log(
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
    _, checks = examine()
    assert checks["database"]["ok"]
    logs = {"broker": "redis", "api": "api", "exporter": "exporter", "workers": "worker", "maintenance": "maintenance"}
    assert {name for name, check in checks.items() if not check["ok"]} == set(logs)
    for name, log in logs.items():
        assert f"{tmp_path}/logs/{log}.log" in str(checks[name]["mend"])


def test_an_api_elsewhere_that_is_away_names_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ML_TRAINING_API_URL", f"http://127.0.0.1:{free_port()}")
    _, checks = examine()
    assert "ML_TRAINING_API_URL" in str(checks["api"]["mend"])


def test_a_file_that_is_no_database_is_a_finding_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    (tmp_path / "ml_training.db").write_text("a letter, and a long one at that\n" * 100, encoding="utf-8")
    _, checks = examine()
    assert "file is not a database" in str(checks["database"]["detail"])
    assert "ML_TRAINING_DATABASE_URL" in str(checks["database"]["mend"])
