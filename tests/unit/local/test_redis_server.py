"""The embedded Redis: found, configured, private, and with its data after a restart."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection

from ml_training.local.redis_server import (
    RedisError,
    find_redis_binary,
    redis_answers,
    redis_client,
)
from tests.support.redis_server import RedisServer, start_redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


def test_one_url_serves_redis_clients_and_celery(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        assert client.ping()
    with Connection(server.url, transport="kombu.transport.redis:Transport") as connection:  # not the one for permits
        queue = connection.SimpleQueue("letters")
        queue.put({"hello": 1})
        assert queue.get(timeout=5).payload == {"hello": 1}
        queue.close()


def test_the_server_never_evicts_and_keeps_an_append_only_file(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}


def test_data_survives_a_restart_under_the_same_url(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        client.rpush("queue", "permit")
    server.stop()
    assert not server.alive()
    server.restart()
    assert server.alive()
    with redis_client(server.url) as client:
        assert client.lrange("queue", 0, -1) == [b"permit"]


def test_the_server_requires_a_password_that_is_not_in_the_process_list(server: RedisServer, tmp_path: Path) -> None:
    address = server.url.rpartition("@")[2]
    password = server.url.split("@", maxsplit=1)[0].removeprefix("redis://:")
    with redis_client(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert not any(password in str(argument) for argument in server.process.args)
    assert stat.S_IMODE((tmp_path / "redis" / "redis.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700


def test_the_server_listens_on_the_loopback_address_only(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(server: RedisServer) -> None:
    assert os.getsid(server.process.pid) == server.process.pid


def test_an_answer_counts_only_when_it_comes_from_the_process_that_was_started(server: RedisServer) -> None:
    assert redis_answers(server.url)
    assert redis_answers(server.url, pid=server.process.pid)
    assert not redis_answers(server.url, pid=os.getpid())


def test_a_taken_port_is_an_error_that_quotes_the_server(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(RedisError, match=r"did not start: .*\S"):
            start_redis(tmp_path / "redis", port=other.getsockname()[1])


def test_the_directory_may_have_spaces_quotes_and_any_letters(tmp_path: Path) -> None:
    server = start_redis(tmp_path / 'Daten "für" тест')
    assert server.alive()
    server.stop()


def test_the_first_server_on_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _fake_server(tmp_path / "redis-server", "Redis server v=7.2.4 sha=0:0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_binary() == server


def test_a_server_that_is_too_old_for_celery_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _fake_server(tmp_path / "redis-server", "Redis server v=6.0.16 sha=0:0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_binary() not in (old, None)
    assert find_redis_binary().name == "valkey-server"


def _fake_server(path: Path, answer: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path
