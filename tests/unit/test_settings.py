"""Settings: every wrong one is named at once, in a line with its remedy, and nothing of a password is repeated."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_training.db.engine import open_database
from ml_training.local.redis_server import redis_client
from ml_training.settings import BROKER_FORM, DATABASE_FORM, PREFIX, SettingsError, read_settings, variable_of

Set = Callable[..., None]
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def put(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets variables by their names without the prefix; none is set before."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"{PREFIX}{name}", value)

    return put


def complaints() -> dict[str, str]:
    """The remedy of each wrong variable."""
    with pytest.raises(SettingsError) as caught:
        read_settings()
    first, *lines = str(caught.value).splitlines()
    assert first == "these settings cannot be used:"
    named = [line.strip().partition(": ") for line in lines]
    return {name.removeprefix(PREFIX): remedy for name, _, remedy in named}


def test_all_errors_are_told_at_once_each_with_its_variable(put: Set) -> None:
    put(API_PORT="no", LOG_LEVEL="LOUD", LIMITS__PAGE="0", DATABASE_URL="mysql://u@h/x", HEARTBEAT_SECONDS="inf")
    found = complaints()
    assert set(found) == {"API_PORT", "LOG_LEVEL", "LIMITS__PAGE", "DATABASE_URL", "HEARTBEAT_SECONDS"}
    assert all(found.values())


def test_a_variable_is_named_as_it_is_set() -> None:
    assert variable_of(("api_port",)) == "ML_TRAINING_API_PORT"
    assert variable_of(("limits", "page")) == "ML_TRAINING_LIMITS__PAGE"


def test_an_empty_variable_means_the_default_and_a_limit_is_a_variable_of_its_own(put: Set) -> None:
    put(DATABASE_URL="", API_PORT="", LIMITS__PAGE="7", LIMITS__WAITS="2")
    settings = read_settings()
    assert settings.api_port == 8000
    assert settings.database == f"sqlite:///{Path('var/ml_training.db').absolute()}"
    assert (settings.limits.page, settings.limits.waits, settings.limits.columns) == (7, 2, 5_000)


@pytest.mark.parametrize("value", ["{", "5", "[]"])
def test_limits_as_a_whole_cannot_be_set(put: Set, value: str) -> None:
    put(LIMITS=value)
    assert set(complaints()) == {"LIMITS"}


@pytest.mark.parametrize(("lease", "renew"), [("8", ""), ("10", "5"), ("", "15")])
def test_a_lease_outlives_one_lost_renewal(put: Set, lease: str, renew: str) -> None:
    put(LEASE_SECONDS=lease, LEASE_RENEW_SECONDS=renew)
    found = complaints()
    assert set(found) == {"LEASE_RENEW_SECONDS"}
    assert "less than half of ML_TRAINING_LEASE_SECONDS" in found["LEASE_RENEW_SECONDS"]


def test_a_lease_that_is_wrong_itself_is_no_reason_to_complain_of_its_renewal(put: Set) -> None:
    put(LEASE_SECONDS="-1", LEASE_RENEW_SECONDS="20")
    assert set(complaints()) == {"LEASE_SECONDS"}
    put(LEASE_SECONDS="10.5", LEASE_RENEW_SECONDS="5")
    assert read_settings().lease_seconds == 10.5


def test_a_home_directory_is_found_or_told_to_be_unknown(put: Set) -> None:
    put(DATA_DIR="~/data")
    assert read_settings().data_dir == Path.home() / "data"
    put(DATA_DIR="~nobody-of-this-name/data")
    assert "home directory" in complaints()["DATA_DIR"]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:port/x",
        f"postgresql://u:{SECRET}@h:99999/x",
        f"postgresql://u:{SECRET}@h:0/x",
        f"postgresql://u:{SECRET}@[::1/x",
        f"postgresql://u:{SECRET}/1@h/x",
        f"postgresql://u:1/{SECRET}@h/x",
        f"postgresql://u:{SECRET}#1@h/x",
        f"postgresql://u:{SECRET}?1@h/x",
        f"postgresql://u:{SECRET}@1@h/x",
        f"postgres://u:{SECRET}@h/x",
        f"mysql://u:{SECRET}@h/x",
        "postgresql:///x",
        "sqlite://x.db",
        "jobs.db",
    ],
)
def test_a_database_url_that_cannot_work_is_answered_with_the_right_form(put: Set, url: str) -> None:
    put(DATABASE_URL=url)
    assert complaints() == {"DATABASE_URL": DATABASE_FORM}


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite:///?timeout=5"])
def test_a_database_that_the_processes_could_not_share_is_refused(put: Set, url: str) -> None:
    put(DATABASE_URL=url)
    assert "must name a file" in complaints()["DATABASE_URL"]


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@h:notaport/0",
        f"redis://:{SECRET}@h:6379/first",
        f"redis://:{SECRET}/1@h:6379/0",
        f"redis://:{SECRET}@[h:6379/0",
        f"amqp://u:{SECRET}@h",
        "redis+socket:///run/redis.sock?virtual_host=first",
        "redis+socket://run",
        "redis:///0",
        "127.0.0.1:6379",
    ],
)
def test_a_broker_url_that_cannot_work_is_answered_with_its_variable(put: Set, url: str) -> None:
    put(BROKER_URL=url)
    found = complaints()
    assert found["BROKER_URL"].startswith(BROKER_FORM) or "virtual_host must be a number" in found["BROKER_URL"]
    assert SECRET not in str(found)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://", "http://h:x", "ftp://h"])
def test_an_api_url_that_cannot_work_is_answered_with_the_right_form(put: Set, url: str) -> None:
    put(API_URL=url)
    assert complaints() == {"API_URL": "must be http://HOST:PORT or https://HOST"}


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/jobs.db",
        "postgresql://user:p%40ss%2Fword@host:5432/jobs?sslmode=require",
        "postgresql+psycopg2://user@[::1]/jobs",
        "postgresql:///jobs?host=/run/postgresql",
    ],
)
def test_a_database_url_that_passes_is_one_for_the_driver_too(
    put: Set, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(DATABASE_URL=url)
    open_database(read_settings().database).dispose()


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("redis://127.0.0.1", 0),
        ("rediss://user:p%40ss%2Fword@host:6380/2", 2),
        ("redis://:x@[::1]:6379/1", 1),
        ("redis+socket:///run/redis.sock?virtual_host=3", 3),
        ("redis+socket:///run/redis.sock", 0),
    ],
)
def test_a_broker_url_that_passes_is_one_for_the_driver_too(put: Set, url: str, number: int) -> None:
    put(BROKER_URL=url, API_URL="https://models.example")
    with redis_client(read_settings().broker_url) as client:
        assert client.connection_pool.connection_kwargs.get("db", 0) == number
