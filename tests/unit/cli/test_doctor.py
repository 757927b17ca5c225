"""`ml-training doctor`: names what is wrong and how to mend it, and changes nothing."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ml_training.cli.app import app
from ml_training.cli.doctor import check_broker, check_database, check_disk, check_server
from ml_training.db.engine import open_database
from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.migrate import migrate
from ml_training.local.ports import free_port
from ml_training.local.redis_server import RedisServer, redis_client, start_redis
from ml_training.local.runfile import RunInfo
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
    failed = {name for name, check in checks.items() if not check["ok"]}
    assert failed == {"database", "broker", "api", "exporter", "workers"}
    assert all(check["mend"] for check in checks.values() if not check["ok"])
    assert not data_dir.exists()
    text = CliRunner().invoke(app, ["doctor"]).stdout
    assert "FAIL  database" in text
    assert "-> start the service: `make run`, or `ml-training up`" in text


def test_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_TRAINING_API_PORT", "no")
    monkeypatch.setenv("ML_TRAINING_LIMITS__PAGE", "0")
    status, checks = examine()
    assert status == 1
    assert "ML_TRAINING_API_PORT" in str(checks["settings"]["detail"])
    assert "ML_TRAINING_LIMITS__PAGE" in str(checks["settings"]["detail"])


def test_a_whole_stack_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RedisServer) -> None:
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path))
    url = f"sqlite:///{tmp_path}/ml_training.db"
    database = open_database(url)
    migrate(database)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@here", kind="worker", body={"pid": 1, "slots": 2})
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
    assert checks["workers"]["detail"] == "2 slots"
    assert server.url.split(":")[2].partition("@")[0] not in json.dumps(checks)  # the password


def test_an_old_schema_is_mended_by_migrate(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    check = check_database(f"sqlite:///{tmp_path}/x.db")
    assert (check.ok, check.mend) == (False, "ml-training migrate")


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    check = check_database(f"postgresql://user:secret@127.0.0.1:{free_port()}/jobs")
    assert not check.ok
    assert "secret" not in check.line()
    assert "ML_TRAINING_DATABASE_URL" in check.mend


def test_a_broker_that_may_throw_messages_away_fails(server: RedisServer) -> None:
    assert check_broker(server.url).ok
    with redis_client(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    check = check_broker(server.url)
    assert not check.ok
    assert "allkeys-lru" in check.detail
    assert "noeviction" in check.mend


def test_a_broker_that_forbids_the_question_passes(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        client.acl_setuser("tenant", enabled=True, passwords=["+pw"], commands=["+@all", "-config"], keys=["*"])
    port = server.url.rpartition(":")[2]
    check = check_broker(f"redis://tenant:pw@127.0.0.1:{port}")
    assert check.ok
    assert "unknown" in check.detail


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/redis.sock?virtual_host=0"])
def test_a_broker_that_is_away_names_its_setting(url: str) -> None:
    check = check_broker(url)
    assert not check.ok
    assert "ML_TRAINING_BROKER_URL" in check.mend


def test_a_foreign_server_on_the_port_is_not_the_api() -> None:
    with json_server() as foreign:
        check = check_server("api", foreign.url, path="/api/v1/health/live", field="pid")
    assert not check.ok
    assert "HTTP 404 as JsonServer" in check.detail
    assert "ML_TRAINING_API_PORT" in check.mend


def test_room_is_measured_where_the_data_will_be(tmp_path: Path) -> None:
    assert str(tmp_path) in check_disk(tmp_path / "not" / "yet").detail
