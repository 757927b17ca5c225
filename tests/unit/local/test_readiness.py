"""Readiness checks: only the answer of the started process counts."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.db.engine import Database, open_database
from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.migrate import migrate
from ml_training.local.ports import free_port
from ml_training.local.readiness import describe_server, heartbeat_ready, http_ready
from tests.support.json_server import JsonServer, json_server


@pytest.fixture
def other_server() -> Iterator[JsonServer]:
    with json_server() as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    migrate(database)
    yield database
    database.dispose()


def test_an_answer_from_another_process_is_not_readiness(other_server: JsonServer) -> None:
    other_server.answer("GET", "/health/live", {"pid": 12345})
    ready = http_ready(f"{other_server.url}/health/live", field="pid")
    assert ready(12345)
    assert not ready(os.getpid())


def test_errors_and_other_documents_are_not_readiness(other_server: JsonServer) -> None:
    other_server.answer("GET", "/broken", {"pid": 1}, status=503)
    other_server.answer("GET", "/list", [1])
    assert not http_ready(f"{other_server.url}/broken", field="pid")(1)
    assert not http_ready(f"{other_server.url}/list", field="pid")(1)
    assert not http_ready(f"http://127.0.0.1:{free_port()}/", field="pid")(1)


def test_a_free_port_and_another_protocol_are_described_differently() -> None:
    assert describe_server(f"http://127.0.0.1:{free_port()}") == "nothing listens there"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert describe_server(f"http://127.0.0.1:{silent.getsockname()[1]}") == "it does not answer HTTP"


def test_a_worker_is_ready_once_its_own_heartbeat_is_in_the_database(database: Database) -> None:
    ready = heartbeat_ready(database, kind="worker", within_seconds=30.0)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@other", kind="worker", body={"pid": 1})
    assert not ready(2)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@mine", kind="worker", body={"pid": 2})
    assert ready(2)
    assert not heartbeat_ready(database, kind="maintenance", within_seconds=30.0)(2)


def test_a_worker_that_has_only_started_is_not_ready(database: Database) -> None:
    ready = heartbeat_ready(database, kind="worker", within_seconds=30.0)
    for says in (False, True):
        with database.write() as connection:
            write_heartbeat(connection, process="worker@mine", kind="worker", body={"pid": 2, "ready": says})
        assert ready(2) is says


def test_without_a_database_nothing_is_ready(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.db")
    assert not heartbeat_ready(database, kind="worker", within_seconds=30.0)(1)
    database.dispose()
