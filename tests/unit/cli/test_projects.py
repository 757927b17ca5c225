"""The commands for projects work on the database, without a running service."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run_command
from tests.support.json_server import JsonServer


@pytest.fixture(autouse=True)
def migrated(api: JsonServer, tmp_path: Path) -> None:
    """A database in the data directory."""
    assert run_command("migrate").exit_code == 0


def answer(*arguments: str) -> dict[str, Any]:
    """The JSON of a command that must succeed."""
    result = run_command("projects", *arguments, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_project_is_made_listed_and_limited() -> None:
    made = answer("create", "marketing", "--running-jobs", "4", "--pending-jobs", "10")
    assert (made["name"], made["quotas"]["running_jobs"], made["quotas"]["stored_bytes"]) == ("marketing", 4, None)
    changed = answer("set", "marketing", "--running-jobs", "-1", "--stored-bytes", "1000")
    assert changed["quotas"] == {
        "pending_jobs": 10,
        "running_jobs": None,
        "stored_bytes": 1000,
        "submissions_per_minute": None,
    }
    assert [project["name"] for project in answer("list")["items"]] == ["marketing", "default"]
    table = run_command("projects", "list").stdout
    assert "0 of 10" in table
    assert "default" in table


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "default"), "there is a project called 'default' already"),
        (("create", "not a name"), "/name"),
        (("set", "nobody", "--pending-jobs", "1"), "ml-training projects list"),
        (("set", "default"), "changes nothing"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], why: str) -> None:
    result = run_command("projects", *arguments, "--json")
    assert result.exit_code == 1
    assert why in json.loads(result.stdout)["detail"]
    assert len(answer("list")["items"]) == 1


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "ml_training.db").unlink()
    result = run_command("projects", "list", "--json")
    assert result.exit_code == 1
    assert "ml-training migrate" in json.loads(result.stdout)["detail"]
