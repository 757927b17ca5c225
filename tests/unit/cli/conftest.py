"""Fixtures for the tests of the commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.json_server import JsonServer, json_server
from tests.support.redis_server import RedisServer, start_redis


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[JsonServer]:
    """A server that replaces the API; the commands call it and use a temporary data directory."""
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    with json_server() as server:
        monkeypatch.setenv("ML_TRAINING_API_URL", server.url)
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that only this test uses, because the test changes its configuration."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()
