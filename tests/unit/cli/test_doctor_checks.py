"""The single checks of `ml-training doctor`."""

from collections.abc import Callable
from pathlib import Path

from ml_training.cli.doctor_checks import (
    check_broker,
    check_database,
    check_disk,
    check_keys,
    check_server,
    check_sources,
)
from ml_training.db.engine import open_database
from ml_training.domain.caller import SERVICE, Role
from ml_training.local.ports import free_port
from ml_training.local.redis_server import redis_client
from ml_training.services.keys import revoke_key
from ml_training.source_settings import read_source_settings
from tests.support.access import make_key
from tests.support.json_server import json_server
from tests.support.redis_server import RedisServer


def test_the_remedy_for_an_old_schema_is_migrate(tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    check = check_database(f"sqlite:///{tmp_path}/x.db", start="start it")
    assert (check.ok, check.remedy) == (False, "`ml-training migrate`")


def test_an_unavailable_database_is_reported_without_its_password() -> None:
    check = check_database(f"postgresql://user:secret@127.0.0.1:{free_port()}/jobs", start="start it")
    assert not check.ok
    assert "Connection refused" in check.detail
    assert "psycopg2" not in check.detail
    assert "secret" not in check.line()
    assert "ML_TRAINING_DATABASE_URL" in check.remedy


def test_a_broker_that_may_evict_messages_fails(own_redis: RedisServer) -> None:
    assert check_broker(own_redis.url, start="start it").ok
    with redis_client(own_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    check = check_broker(own_redis.url, start="start it")
    assert not check.ok
    assert "allkeys-lru" in check.detail
    assert "noeviction" in check.remedy


def test_a_broker_that_forbids_config_get_passes(own_redis: RedisServer) -> None:
    with redis_client(own_redis.url) as client:
        client.acl_setuser("tenant", enabled=True, passwords=["+pw"], commands=["+@all", "-config"], keys=["*"])
    port = own_redis.url.rpartition(":")[2]
    check = check_broker(f"redis://tenant:pw@127.0.0.1:{port}", start="start it")
    assert check.ok
    assert "does not say" in check.detail


def test_another_server_on_the_port_is_not_the_api() -> None:
    with json_server() as other:
        check = check_server("api", other.url, path="/api/v1/health/live", start="start it")
    assert not check.ok
    assert "HTTP 404 as JsonServer" in check.detail
    assert "ML_TRAINING_API_PORT" in check.remedy


def test_free_space_is_measured_on_the_disk_of_the_data_directory(tmp_path: Path) -> None:
    assert str(tmp_path) in check_disk(tmp_path / "not" / "yet").detail


def test_a_service_without_keys_is_right_on_loopback_only(new_sqlite: Callable[[], str]) -> None:
    url = new_sqlite()
    assert check_keys(url, host="127.0.0.1").ok
    elsewhere = check_keys(url, host="0.0.0.0")  # noqa: S104 - nothing listens
    assert not elsewhere.ok
    assert "keys create --role admin" in elsewhere.remedy
    database = open_database(url)
    viewer = make_key(database, Role.VIEWER)
    assert check_keys(url, host="127.0.0.1").detail == "1 are valid, 0 of them of admins"
    revoke_key(database, SERVICE, viewer.key_id)
    make_key(database)
    assert check_keys(url, host="0.0.0.0").ok  # noqa: S104 - nothing listens
    database.dispose()


def test_each_source_has_a_line_which_does_not_show_its_address() -> None:
    port = free_port()
    found, problems = read_source_settings(
        {
            "ML_TRAINING_CONNECTIONS__WAREHOUSE": f"postgresql://user:secret@127.0.0.1:{port}/sales",
            "ML_TRAINING_CONNECTIONS__SHOP": f"mariadb://user:secret@127.0.0.1:{port}/shop",
            "ML_TRAINING_SOURCES__LAKE": f"s3://user:secret@bucket/x?endpoint=http://127.0.0.1:{port}",
        }
    )
    assert problems == []
    checks = list(check_sources(found))
    assert [check.ok for check in checks] == [False] * 3
    lines = [f"{check.line()} {check.remedy}" for check in checks]
    assert not [line for line in lines if "secret" in line or str(port) in line or "user" in line]
    assert "ML_TRAINING_CONNECTIONS__WAREHOUSE" in lines[1] + lines[0]
