"""What several files of this folder start."""

from collections.abc import Iterator

import pytest

from tests.support.api_process import Api, running_api
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes, redis_server: RedisServer) -> Iterator[Api]:
    """One process of 8 threads on SQLite; it must serve the next test after anything that a test does."""
    directory = tmp_path_factory.mktemp("api")
    (directory / "jobs.db").write_bytes(sqlite_template)
    with running_api(directory, f"sqlite:///{directory / 'jobs.db'}", redis_server.url, api_workers="1") as api:
        yield api
