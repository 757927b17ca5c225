"""The commands for keys, over the database of the machine."""

import json
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from ml_training.db.engine import open_database
from ml_training.db.keys import valid_keys
from ml_training.domain.api_keys import authenticate
from ml_training.domain.caller import Role
from tests.support.command_line import run_command


@pytest.fixture(autouse=True)
def database_url(new_sqlite: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The database that the commands use."""
    url = new_sqlite()
    monkeypatch.setenv("ML_TRAINING_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "160")
    return url


def test_the_printed_key_is_valid_and_is_printed_once(database_url: str) -> None:
    made = run_command("keys", "create", "--role", "operator", "--name", "me", "--expires", "90d")
    assert made.exit_code == 0
    database = open_database(database_url)
    with database.read() as connection:
        found = authenticate(f"Bearer {made.stdout.strip()}", valid_keys(connection), now=time.time())
    database.dispose()
    assert (found.role, found.name) == (Role.OPERATOR, "me")  # type: ignore[union-attr]
    listed = run_command("keys", "list").stdout
    assert found.key_id in listed  # type: ignore[union-attr]
    assert made.stdout.strip() not in listed


def test_programs_get_json() -> None:
    made = json.loads(run_command("keys", "create", "--role", "viewer", "--name", "n", "--json").stdout)
    assert made["key"].startswith(f"mlt_{made['id']}_")
    assert made["expires_at"] is None
    assert json.loads(run_command("keys", "revoke", made["id"], "--json").stdout) == {"revoked": made["id"]}
    [listed] = json.loads(run_command("keys", "list", "--json").stdout)["items"]
    assert datetime.fromisoformat(listed["revoked_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--role", "viewer", "--name", "", "--project", "x"), "/name"),
        (("create", "--role", "viewer", "--name", "n", "--expires", "2020-01-01T00:00:00+00:00"), "/expires_at"),
        (("revoke", "0" * 12), "there is no key"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(arguments: tuple[str, ...], message: str) -> None:
    result = run_command("keys", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize("text", ["soon", "-d", "2027-01-31", "2027-01-31T12:00:00", "99999999999d"])
def test_a_time_that_is_none_is_a_wrong_call(text: str) -> None:
    result = run_command("keys", "create", "--role", "viewer", "--name", "n", "--expires", text)
    assert result.exit_code == 2


def test_a_database_without_the_schema_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("ML_TRAINING_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    result = run_command("keys", "list")
    assert result.exit_code == 1
    assert "ml-training migrate" in result.stderr
