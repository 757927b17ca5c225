"""The commands for this machine; `up` and `doctor` have their own tests."""

import json
from pathlib import Path

from tests.support.command_line import run_command
from tests.support.json_server import JsonServer


def test_migrate_creates_the_database(api: JsonServer, tmp_path: Path) -> None:
    result = run_command("migrate", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["revision"]
    assert (tmp_path / "data" / "ml_training.db").exists()
