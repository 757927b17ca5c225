"""The stack's start before anything is started, and its readiness."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.db.engine import Database, open_database
from ml_training.db.heartbeats import write_heartbeat
from ml_training.db.migrate import migrate
from ml_training.local.ports import free_port, is_taken
from ml_training.local.readiness import answers_with, beats, who_answers
from ml_training.local.stack import StackError, check_ports
from ml_training.settings import Settings
from tests.support.json_server import JsonServer, json_server


@pytest.fixture
def foreign() -> Iterator[JsonServer]:
    with json_server() as server:
        yield server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    migrate(database)
    yield database
    database.dispose()


def settings(tmp_path: Path, **ports: int | str) -> Settings:
    return Settings(data_dir=tmp_path, **{"api_port": free_port(), "exporter_port": free_port(), **ports})


@pytest.mark.parametrize("part", ["api", "exporter"])
def test_a_taken_port_is_named_with_its_setting_and_with_who_answers(
    tmp_path: Path, foreign: JsonServer, part: str
) -> None:
    with pytest.raises(StackError) as refused:
        check_ports(settings(tmp_path, **{f"{part}_port": foreign.port}))
    assert f"port {foreign.port} of 127.0.0.1 is taken" in str(refused.value)
    assert f"ML_TRAINING_{part.upper()}_PORT" in str(refused.value)
    assert "HTTP 404 as JsonServer" in str(refused.value)


def test_free_ports_are_fine(tmp_path: Path) -> None:
    check_ports(settings(tmp_path))


def test_two_servers_on_one_port_are_refused(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(StackError, match="are both"):
        check_ports(settings(tmp_path, api_port=port, exporter_port=port))


def test_an_address_of_another_machine_is_refused_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="ML_TRAINING_API_HOST"):
        check_ports(settings(tmp_path, api_host="192.0.2.1"))


def test_a_port_is_taken_only_while_somebody_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert is_taken("127.0.0.1", port)
    assert not is_taken("127.0.0.1", port)


def test_an_answer_from_a_foreign_process_is_not_readiness(foreign: JsonServer) -> None:
    foreign.answer("GET", "/health/live", {"pid": 12345})
    ready = answers_with(f"{foreign.url}/health/live", field="pid")
    assert ready(12345)
    assert not ready(os.getpid())


def test_errors_and_other_documents_are_not_readiness(foreign: JsonServer) -> None:
    foreign.answer("GET", "/broken", {"pid": 1}, status=503)
    foreign.answer("GET", "/list", [1])
    assert not answers_with(f"{foreign.url}/broken", field="pid")(1)
    assert not answers_with(f"{foreign.url}/list", field="pid")(1)
    assert not answers_with(f"http://127.0.0.1:{free_port()}/", field="pid")(1)


def test_who_answers_tells_silence_from_another_protocol() -> None:
    assert who_answers(f"http://127.0.0.1:{free_port()}") == "nothing listens there"
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        assert who_answers(f"http://127.0.0.1:{mute.getsockname()[1]}") == "it does not answer HTTP"


def test_a_worker_is_ready_once_its_own_heartbeat_is_in_the_database(database: Database) -> None:
    ready = beats(database, kind="worker", within_seconds=30.0)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@other", kind="worker", body={"pid": 1})
    assert not ready(2)
    with database.write() as connection:
        write_heartbeat(connection, process="worker@mine", kind="worker", body={"pid": 2})
    assert ready(2)
    assert not beats(database, kind="maintenance", within_seconds=30.0)(2)


def test_without_a_database_nothing_is_ready(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.db")
    assert not beats(database, kind="worker", within_seconds=30.0)(1)
    database.dispose()
