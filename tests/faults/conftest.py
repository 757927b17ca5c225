"""The fleet that the fault tests of a file share, on each database: two workers with one slot each, and maintenance."""

from collections.abc import Iterator

import pytest

from tests.support.datasets import generated_parquet, ready_sample, upload
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer, start_redis


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that these tests may hurt."""
    server = start_redis(tmp_path_factory.mktemp("own-redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_redis: RedisServer
) -> Iterator[RunningFleet]:
    """Two workers with one slot each, and maintenance; every test leaves them as it found them."""
    directory = tmp_path_factory.mktemp("stack")
    url = f"sqlite:///{directory / 'jobs.db'}"
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        name = request.module.__name__.rpartition(".")[2]
        postgres.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
        url = postgres.url(name)
    else:
        (directory / "jobs.db").write_bytes(request.getfixturevalue("sqlite_template"))
    with running_fleet(directory, database_url=url, broker_url=own_redis.url) as stack:
        stack.fleet.start_worker("second")
        stack.wait_for_slots(2)
        yield stack


@pytest.fixture(scope="module")
def small(stack: RunningFleet) -> int:
    """The id of a small data set."""
    return ready_sample(stack.resources).id


@pytest.fixture(scope="module")
def large(stack: RunningFleet) -> int:
    """The id of a data set of 200,000 rows and 30 features."""
    return upload(stack.resources, generated_parquet(200_000, 30), file_format="parquet").id
