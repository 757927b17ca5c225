"""Settings: all invalid values are reported at once, each with its remedy, and no password is repeated."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_training.db.engine import open_database
from ml_training.local.redis_server import redis_client
from ml_training.settings import (
    BROKER_FORM,
    DATABASE_FORM,
    PREFIX,
    SettingsError,
    read_settings,
    unknown_settings,
    variable_name,
)

SetVariables = Callable[..., None]
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def set_variables(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Sets variables, named without the prefix; before, all settings are removed from the environment."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)

    def set_variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"{PREFIX}{name}", value)

    return set_variables


def errors_by_variable() -> dict[str, str]:
    """The remedy of each invalid variable."""
    with pytest.raises(SettingsError) as caught:
        read_settings()
    first, *lines = str(caught.value).splitlines()
    assert first == "these settings cannot be used:"
    named = [line.strip().partition(": ") for line in lines]
    return {name.removeprefix(PREFIX): remedy for name, _, remedy in named}


def test_all_errors_are_reported_at_once_each_with_its_variable(set_variables: SetVariables) -> None:
    set_variables(
        API_PORT="no", LOG_LEVEL="LOUD", LIMITS__PAGE="0", DATABASE_URL="mysql://u@h/x", HEARTBEAT_SECONDS="inf"
    )
    found = errors_by_variable()
    assert set(found) == {"API_PORT", "LOG_LEVEL", "LIMITS__PAGE", "DATABASE_URL", "HEARTBEAT_SECONDS"}
    assert all(found.values())


def test_a_field_gives_the_name_of_its_variable() -> None:
    assert variable_name(("api_port",)) == "ML_TRAINING_API_PORT"
    assert variable_name(("limits", "page")) == "ML_TRAINING_LIMITS__PAGE"


def test_an_empty_variable_means_the_default_and_a_limit_has_its_own_variable(
    set_variables: SetVariables,
) -> None:
    set_variables(DATABASE_URL="", API_PORT="", LIMITS__PAGE="7", LIMITS__WAITS="2")
    settings = read_settings()
    assert settings.api_port == 8000
    assert settings.database == f"sqlite:///{Path('var/ml_training.db').absolute()}"
    assert (settings.limits.page, settings.limits.waits, settings.limits.columns) == (7, 2, 5_000)


@pytest.mark.parametrize("value", ["{", "5", "[]"])
def test_limits_as_a_whole_cannot_be_set(set_variables: SetVariables, value: str) -> None:
    set_variables(LIMITS=value)
    assert set(errors_by_variable()) == {"LIMITS"}


@pytest.mark.parametrize(("lease", "renew"), [("8", ""), ("10", "5"), ("", "15")])
def test_a_lease_outlives_one_lost_renewal(set_variables: SetVariables, lease: str, renew: str) -> None:
    set_variables(LEASE_SECONDS=lease, LEASE_RENEW_SECONDS=renew)
    found = errors_by_variable()
    assert set(found) == {"LEASE_RENEW_SECONDS"}
    assert "less than half of ML_TRAINING_LEASE_SECONDS" in found["LEASE_RENEW_SECONDS"]


def test_an_invalid_lease_is_reported_without_its_renewal(set_variables: SetVariables) -> None:
    set_variables(LEASE_SECONDS="-1", LEASE_RENEW_SECONDS="20")
    assert set(errors_by_variable()) == {"LEASE_SECONDS"}
    set_variables(LEASE_SECONDS="10.5", LEASE_RENEW_SECONDS="5")
    assert read_settings().lease_seconds == 10.5


def test_a_home_directory_is_expanded_or_reported_as_unknown(set_variables: SetVariables) -> None:
    set_variables(DATA_DIR="~/data")
    assert read_settings().data_dir == Path.home() / "data"
    set_variables(DATA_DIR="~nobody-of-this-name/data")
    assert "home directory" in errors_by_variable()["DATA_DIR"]


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
def test_an_invalid_database_url_is_reported_with_the_correct_form(set_variables: SetVariables, url: str) -> None:
    set_variables(DATABASE_URL=url)
    assert errors_by_variable() == {"DATABASE_URL": DATABASE_FORM}


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite:///?timeout=5"])
def test_a_database_that_the_processes_cannot_share_is_rejected(set_variables: SetVariables, url: str) -> None:
    set_variables(DATABASE_URL=url)
    assert "must name a file" in errors_by_variable()["DATABASE_URL"]


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
def test_an_invalid_broker_url_is_reported_with_its_variable(set_variables: SetVariables, url: str) -> None:
    set_variables(BROKER_URL=url)
    found = errors_by_variable()
    assert found["BROKER_URL"].startswith(BROKER_FORM) or "virtual_host must be a number" in found["BROKER_URL"]
    assert SECRET not in str(found)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://", "http://h:x", "ftp://h"])
def test_an_invalid_api_url_is_reported_with_the_correct_form(set_variables: SetVariables, url: str) -> None:
    set_variables(API_URL=url)
    assert errors_by_variable() == {"API_URL": "must be http://HOST:PORT or https://HOST"}


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/jobs.db",
        "postgresql://user:p%40ss%2Fword@host:5432/jobs?sslmode=require",
        "postgresql+psycopg2://user@[::1]/jobs",
        "postgresql:///jobs?host=/run/postgresql",
    ],
)
def test_a_valid_database_url_is_accepted_by_the_driver(
    set_variables: SetVariables, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_variables(DATABASE_URL=url)
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
def test_a_valid_broker_url_is_accepted_by_the_driver(set_variables: SetVariables, url: str, number: int) -> None:
    set_variables(BROKER_URL=url, API_URL="https://models.example")
    with redis_client(read_settings().broker_url) as client:
        assert client.connection_pool.connection_kwargs.get("db", 0) == number


def test_a_variable_that_nothing_reads_is_named_with_the_nearest_setting(set_variables: SetVariables) -> None:
    set_variables(API_PORT="8001", LIMITS__PAGE="10", API_KEY="mlt_1_x")
    set_variables(WORKER_CONCURENCY="2", LIMITS__PAGES="9", ZZ="1")
    assert [line.replace(PREFIX, "") for line in unknown_settings()] == [
        "LIMITS__PAGES is no setting: did you mean LIMITS__PAGE?",
        "WORKER_CONCURENCY is no setting: did you mean WORKER_CONCURRENCY?",
        "ZZ is no setting: .env.example lists all",
    ]


def private(path: Path, text: str, *, mode: int = 0o600) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_a_secret_can_be_in_a_file(set_variables: SetVariables, tmp_path: Path) -> None:
    set_variables(
        DATABASE_URL_FILE=private(tmp_path / "url", "postgresql://u@h:1/n\n"),
        DATABASE_PASSWORD_FILE=private(tmp_path / "password", f"{SECRET}/@:%\n", mode=0o640),
        BROKER_URL="rediss://h:6379/0",
        BROKER_PASSWORD=SECRET,
    )
    settings = read_settings()
    assert settings.database == f"postgresql://u:{SECRET}%2F%40%3A%25@h:1/n"
    assert settings.broker == f"rediss://:{SECRET}@h:6379/0"
    assert SECRET not in repr(settings)
    assert unknown_settings() == []


@pytest.mark.parametrize(
    ("content", "mode", "remedy"),
    [
        (None, 0, "cannot be read: No such file or directory"),
        (SECRET, 0o604, "is open to other users of this machine: close it with `chmod 600"),
        (SECRET, 0o602, "is open to other users"),
        ("", 0o600, "must hold one line"),
        (f"{SECRET}\nmore\n", 0o600, "must hold one line"),
        (SECRET * 10_000, 0o600, "is larger than"),
        (f"{SECRET}\x00", 0o600, "must hold one line"),
    ],
)
def test_a_file_that_cannot_hold_a_secret_is_an_error(
    set_variables: SetVariables, tmp_path: Path, content: str | None, mode: int, remedy: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        private(path, content, mode=mode)
    set_variables(BROKER_URL_FILE=str(path), API_PORT="x")
    found = errors_by_variable()
    assert remedy in found["BROKER_URL_FILE"]
    assert "API_PORT" in found, "every error at once"
    assert SECRET not in str(found)


def test_a_fifo_in_the_place_of_a_secret_does_not_hang(set_variables: SetVariables, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret", 0o600)
    set_variables(BROKER_URL_FILE=str(tmp_path / "secret"))
    assert "is no regular file" in errors_by_variable()["BROKER_URL_FILE"]


def test_a_secret_has_one_place(set_variables: SetVariables, tmp_path: Path) -> None:
    set_variables(BROKER_URL="redis://h:1/0", BROKER_URL_FILE=private(tmp_path / "url", "redis://h:1/0"))
    assert errors_by_variable() == {"BROKER_URL_FILE": f"{PREFIX}BROKER_URL is set too: remove one of the two"}


@pytest.mark.parametrize("url", ["", "redis://:one@h:1/0", "redis+socket:///path"])
def test_a_password_goes_with_a_url_of_a_server_without_one(set_variables: SetVariables, url: str) -> None:
    set_variables(BROKER_URL=url, BROKER_PASSWORD=SECRET)
    assert "goes with a ML_TRAINING_BROKER_URL" in errors_by_variable()["BROKER_PASSWORD"]
