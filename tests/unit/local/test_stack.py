"""The checks of a stack before it starts any process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.local.ports import free_port
from ml_training.local.stack import StackError, check_ports
from ml_training.settings import Settings
from tests.support.json_server import JsonServer, json_server


@pytest.fixture
def other_server() -> Iterator[JsonServer]:
    with json_server() as server:
        yield server


def settings(tmp_path: Path, **ports: int | str) -> Settings:
    return Settings(data_dir=tmp_path, **{"api_port": free_port(), "exporter_port": free_port(), **ports})


@pytest.mark.parametrize("part", ["api", "exporter"])
def test_a_taken_port_is_reported_with_its_setting_and_its_server(
    tmp_path: Path, other_server: JsonServer, part: str
) -> None:
    with pytest.raises(StackError) as error:
        check_ports(settings(tmp_path, **{f"{part}_port": other_server.port}))
    assert f"port {other_server.port} of 127.0.0.1 is taken" in str(error.value)
    assert f"ML_TRAINING_{part.upper()}_PORT" in str(error.value)
    assert "HTTP 404 as JsonServer" in str(error.value)


def test_free_ports_are_accepted(tmp_path: Path) -> None:
    check_ports(settings(tmp_path))


def test_one_port_for_both_servers_is_rejected(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(StackError, match="are both"):
        check_ports(settings(tmp_path, api_port=port, exporter_port=port))


def test_an_address_of_another_machine_is_rejected_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="ML_TRAINING_API_HOST"):
        check_ports(settings(tmp_path, api_host="192.0.2.1"))
