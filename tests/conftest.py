"""Servers for the tests: a real Redis, a real PostgreSQL, SQLite files; a fresh, migrated database for each test."""

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from ml_training.db.engine import Database, open_database
from ml_training.db.migrate import migrate
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.process.usable_cores import usable_cores
from ml_training.services.resources import Resources
from tests.property.run_summary import print_numbers
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.promtool import warn_if_promtool_is_missing
from tests.support.redis_server import RedisServer, start_redis
from tests.support.s3_server import S3Server, moto_server, rclone_server
from tests.support.scheduling import scheduler_of
from tests.support.second_database import mark_second_database
from tests.support.wiring import make_resources

_numbers = itertools.count(1)
# How long an example takes is no property of the code: the machine may be busy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Hear Ctrl-C even in the background of a script, where it is ignored, here and in every child.

    Logs go to stderr, as those of the service do: what a command prints may be read by a program.
    """
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` chooses among the tests."""
    mark_second_database(items)


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are cores, since much of the suite waits for processes that start.

    Not more than 8: each has a PostgreSQL server of its own.
    """
    return min(usable_cores() + 1, 8)


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Tests that share a running service go to one worker."""
    return scheduler_of(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What a reader of the last lines should know."""
    warn_if_promtool_is_missing(terminalreporter)
    print_numbers(terminalreporter)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the session, with a migrated template to copy databases from."""
    with postgres_server() as server:
        server.execute("CREATE DATABASE migrated")
        database = open_database(server.url("migrated"))
        migrate(database)
        database.dispose()
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    database.dispose()
    return path.read_bytes()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis server for the session; tests that hurt it start their own."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the session that does what S3 does, but checks no signature."""
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the session that checks signatures, but ignores conditions and ranges."""
    with rclone_server(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
def broker_url(redis_server: RedisServer) -> str:
    """An empty broker."""
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def new_sqlite(tmp_path: Path, sqlite_template: bytes) -> Callable[[], str]:
    """Makes the URL of a fresh migrated SQLite database."""

    def make() -> str:
        path = tmp_path / f"jobs-{next(_numbers)}.db"
        path.write_bytes(sqlite_template)
        return f"sqlite:///{path}"

    return make


@pytest.fixture
def new_postgresql(postgres: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes the URL of a fresh migrated PostgreSQL database, dropped after the test."""
    names: list[str] = []

    def make() -> str:
        names.append(f"test_{os.getpid()}_{next(_numbers)}")
        postgres.execute(f"CREATE DATABASE {names[-1]} TEMPLATE migrated")
        return postgres.url(names[-1])

    yield make
    for name in names:
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database; the test runs once on each kind."""
    make: Callable[[], str] = request.getfixturevalue(f"new_{request.param}")
    return make()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database behind `database_url`."""
    database = open_database(database_url).of(DEFAULT_PROJECT_ID)
    yield database
    database.dispose()


@pytest.fixture
def resources(database: Database, tmp_path: Path, broker_url: str) -> Iterator[Resources]:
    """The resources over the test's own database, storage and broker, without any worker."""
    resources = make_resources(database, tmp_path / "storage", broker_url=broker_url)
    yield resources
    resources.permits.close()
